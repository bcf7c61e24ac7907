#!/usr/bin/env python3
"""Checks the dashboards without a Grafana.

First the keys and their types (see dashboard_types), then what makes a dashboard usable: a title, a
description and a unit on every panel, the one data source by its fixed identifier, intervals that hold
two scrapes, panels that do not overlap, expressions that are PromQL.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import dashboard_types
from promql_expressions import DASHBOARDS, MONITORING, VARIABLES, dashboards, selectors

DATASOURCE = {"type": "prometheus", "uid": "prometheus"}
PANELS = {"timeseries", "stat", "bargauge", "table"}
# Identifiers of Grafana's units, as far as they are used here.
UNITS = {"short", "percentunit", "s", "bytes", "Bps", "reqps", "cps", "ops", "currencyUSD"}
# Metrics that only ever grow are rates over time; shown bare they are a staircase.
COUNTER = re.compile(r"(?!pg_stat_activity_count).*_(total|count|sum|bucket)")
GRID_WIDTH = 24
# Four scrapes, as $__rate_interval makes it.
SHORTEST_RANGE = timedelta(minutes=1)


def check_document(document: dict[str, Any]) -> Iterator[str]:
    wanted = {"id": None, "schemaVersion": 39, "editable": False}
    for key, value in wanted.items():
        if document.get(key, "absent") != value:
            yield f"{key} is not {value}"
    if not re.fullmatch(r"[a-z0-9-]{1,40}", document["uid"]):
        yield f"uid {document['uid']!r}: small letters, digits and dashes, at most 40"
    if not document["title"] or not document["description"]:
        yield "has no title or no description"
    text = json.dumps(document)
    for forbidden in ("${DS_", "__inputs", "__requires"):
        if forbidden in text:
            yield f"holds {forbidden!r}, which belongs to exported dashboards"
    ids = Counter(panel["id"] for panel in document["panels"])
    yield from (f"panel id {one} is used twice" for one, times in ids.items() if times > 1)
    yield from check_layout(document["panels"])


def check_layout(panels: list[dict[str, Any]]) -> Iterator[str]:
    taken: dict[tuple[int, int], str] = {}
    for panel in panels:
        place = panel["gridPos"]
        if place["x"] + place["w"] > GRID_WIDTH or min(place.values()) < 0 or not place["w"] or not place["h"]:
            yield f"{panel['title']}: is outside of the grid"
        cells = [
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        ]
        if overlapped := {taken[cell] for cell in cells if cell in taken}:
            yield f"{panel['title']}: lies over {', '.join(sorted(overlapped))}"
        taken.update(dict.fromkeys(cells, panel["title"]))


def check_panel(panel: dict[str, Any]) -> Iterator[str]:
    if panel["type"] not in PANELS:
        yield f"is a {panel['type']}; known are {', '.join(sorted(PANELS))}"
    if not panel["title"] or not panel.get("description"):
        yield "has no title or no description"
    if (unit := panel["fieldConfig"]["defaults"].get("unit")) not in UNITS:
        yield f"has the unit {unit!r}"
    if not panel["targets"]:
        yield "asks for nothing"
    references = [target["refId"] for target in panel["targets"]]
    if len(set(references)) != len(references):
        yield "uses a refId twice"
    for holder in (panel, *panel["targets"]):
        if holder["datasource"] != DATASOURCE:
            yield f"has the data source {holder['datasource']}"
    for target in panel["targets"]:
        yield from check_expression(target["expr"])


def check_expression(expression: str) -> Iterator[str]:
    promql = expression
    for variable, value in VARIABLES.items():
        promql = promql.replace(variable, value)
    if "$" in promql:
        yield f"uses a variable that this check does not know: {expression}"
        return
    try:
        found = selectors(promql)
    except ValueError as error:
        yield f"{expression}: {error}"
        return
    for selector in found:
        if selector.range is None and COUNTER.fullmatch(selector.metric) and ":" not in selector.metric:
            yield f"shows the counter {selector.metric} itself: {expression}"
        if selector.range is not None and selector.range < SHORTEST_RANGE:
            yield f"looks at {selector.range}, less than two scrapes for sure: {expression}"
    if "irate(" in expression:
        yield f"irate jumps with every scrape: {expression}"


def main() -> int:
    failures: list[str] = []
    documents = dashboards()
    if not documents:
        failures.append(f"there are no dashboards in {DASHBOARDS}")
    for key in ("uid", "title"):
        seen = Counter(document[key] for document in documents.values())
        failures.extend(f"{key} {one!r} is used {times} times" for one, times in seen.items() if times > 1)
    for path, document in documents.items():
        name = path.relative_to(DASHBOARDS)
        mistyped = list(dashboard_types.check(document))
        failures.extend(f"{name}: {finding}" for finding in mistyped)
        if mistyped:
            # What follows relies on the types.
            continue
        failures.extend(f"{name}: {finding}" for finding in check_document(document))
        for panel in document["panels"]:
            if panel["type"] != "row":
                failures.extend(f"{name}: {panel['title']}: {finding}" for finding in check_panel(panel))
    generator = [sys.executable, str(MONITORING / "grafana" / "generate"), "--check"]
    made = subprocess.run(generator, capture_output=True, text=True, check=False)
    if made.returncode:
        failures.append(f"dashboards are not what generate makes: {made.stdout.strip()}{made.stderr.strip()}")
    for failure in failures:
        print(failure, file=sys.stderr)
    print(f"{len(documents)} dashboards, {len(failures)} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
