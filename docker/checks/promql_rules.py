#!/usr/bin/env python3
"""Checks the alerts beyond what promtool does.

Every alert says how urgent it is, what is wrong, and where to read what to do; that place exists. Every
alert has a test in which it fires and one in which it does not, and every metric that any alert looks at
is part of the healthy system of tests/healthy.yml, in which nothing may fire. Every metric of our own
that an expression names is described in docs/metrics.md.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from promql_expressions import MONITORING, ROOT, of_dashboards, of_rules, rules, selectors

TESTS = MONITORING / "prometheus" / "tests"
RUNBOOKS = ROOT / "docs" / "runbooks.md"
METRICS = ROOT / "docs" / "metrics.md"
SEVERITIES = {"page", "ticket", "none"}
# Metrics that Prometheus, Alertmanager and the exporters bring.
FOREIGN = re.compile(r"(up|ALERTS|(pg|redis|node|prometheus|alertmanager|scrape)_.+|.*:.*)")


def anchors(document: Path) -> set[str]:
    """Anchors of the headings, as GitHub makes them."""
    headings = re.findall(r"^#+ +(.+)$", document.read_text(), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-") for heading in headings}


def check_alert(rule: dict[str, Any], known: set[str]) -> Iterator[str]:
    annotations = rule.get("annotations", {})
    if rule.get("labels", {}).get("severity") not in SEVERITIES:
        yield f"severity is none of {', '.join(sorted(SEVERITIES))}"
    for name in ("summary", "description", "runbook_url"):
        if not annotations.get(name):
            yield f"has no {name}"
    wanted = f"docs/runbooks.md#{rule['alert'].lower()}"
    if annotations.get("runbook_url") != wanted:
        yield f"its runbook_url is not {wanted}"
    elif rule["alert"].lower() not in known:
        yield f"{RUNBOOKS.relative_to(ROOT)} has no heading {rule['alert']}"


def tested() -> tuple[set[str], set[str]]:
    """The alerts with a test in which they fire, and those with one in which they do not."""
    names = [rule["alert"] for _, rule in rules() if "alert" in rule]
    firing: set[str] = set()
    silent: set[str] = set()
    for path in sorted(TESTS.glob("*.yml")):
        for test in yaml.safe_load(path.read_text())["tests"]:
            for case in test.get("promql_expr_test", []):
                matcher = re.search(r'alertname(=~|!=|=)"([^"]+)"', case["expr"])
                if not case["expr"].startswith("ALERTS{") or not matcher:
                    continue
                operator, value = matcher.groups()
                if case["exp_samples"]:
                    firing.update(re.findall(r'alertname="([^"]+)"', str(case["exp_samples"])))
                elif operator != "!=":
                    silent.update(name for name in names if re.fullmatch(value, name))
    return firing, silent


def metrics_of_healthy_system() -> set[str]:
    test = yaml.safe_load((TESTS / "healthy.yml").read_text())["tests"][0]
    return {re.split(r"[{ ]", series["series"])[0] for series in test["input_series"]}


def check_tests() -> Iterator[str]:
    firing, silent = tested()
    healthy = metrics_of_healthy_system()
    recorded = {expression.name: expression for expression in of_rules() if expression.kind == "record"}

    def raw(promql: str) -> set[str]:
        """The metrics behind an expression; recorded ones are followed to what they are made of."""
        found: set[str] = set()
        for selector in selectors(promql):
            source = recorded.get(selector.metric)
            found |= raw(source.text) if source else {selector.metric}
        return found

    for expression in of_rules():
        if expression.kind != "alert":
            continue
        if expression.name not in firing:
            yield f"{expression.where}: no test in which it fires"
        # One that always fires has nothing to be silent about.
        if expression.name not in silent and expression.name != "Watchdog":
            yield f"{expression.where}: no test in which it does not fire"
        for metric in sorted(raw(expression.text) - healthy):
            yield f"{expression.where}: {metric} is not part of tests/healthy.yml"


def check_documented() -> Iterator[str]:
    described = set(re.findall(r"`([a-z_0-9]+)(?:\{[^`]*\})?`", METRICS.read_text()))
    named = {
        re.sub(r"_(bucket|count|sum)$", "", selector.metric)
        for expression in [*of_dashboards(), *of_rules()]
        for selector in selectors(expression.promql())
        if not FOREIGN.fullmatch(selector.metric)
    }
    yield from (f"{METRICS.relative_to(ROOT)} does not describe {metric}" for metric in sorted(named - described))


def main() -> int:
    known = anchors(RUNBOOKS)
    alerts = [(path, rule) for path, rule in rules() if "alert" in rule]
    failures = [
        f"{path.name}: {rule['alert']}: {finding}" for path, rule in alerts for finding in check_alert(rule, known)
    ]
    failures.extend(check_tests())
    failures.extend(check_documented())
    for failure in failures:
        print(failure, file=sys.stderr)
    print(f"{len(alerts)} alerts, {len(failures)} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
