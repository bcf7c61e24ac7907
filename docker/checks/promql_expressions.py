"""The PromQL expressions of this deployment: of dashboards, recording rules and alerts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

import promql_parser
import yaml

ROOT = Path(__file__).resolve().parents[2]
MONITORING = ROOT / "docker" / "monitoring"
RULES = MONITORING / "prometheus" / "rules"
DASHBOARDS = MONITORING / "grafana" / "dashboards"

# What Grafana puts in for its variables when a dashboard of six hours is looked at.
VARIABLES = {"$__rate_interval": "1m", "$__interval": "1m", "$__range": "6h"}

_OPERATORS = {"MatchOp.Equal": "=", "MatchOp.NotEqual": "!=", "MatchOp.Re": "=~", "MatchOp.NotRe": "!~"}

Kind = Literal["panel", "record", "alert"]


@dataclass(frozen=True)
class Expression:
    """One expression and where it stands."""

    kind: Kind
    where: str
    text: str
    # The name of the recorded metric or of the alert.
    name: str = ""

    def promql(self) -> str:
        """The expression with Grafana's variables replaced."""
        text = self.text
        for variable, value in VARIABLES.items():
            text = text.replace(variable, value)
        return text


def dashboards() -> dict[Path, dict[str, Any]]:
    """The documents by file."""
    return {path: json.loads(path.read_text()) for path in sorted(DASHBOARDS.rglob("*.json"))}


def of_dashboards() -> Iterator[Expression]:
    """One per query of a panel."""
    for path, document in dashboards().items():
        for panel in document["panels"]:
            for target in panel.get("targets", []):
                where = f"{path.relative_to(DASHBOARDS)}: {panel['title']}"
                yield Expression("panel", where, target["expr"])


def rules() -> Iterator[tuple[Path, dict[str, Any]]]:
    """Every rule with its file."""
    for path in sorted(RULES.glob("*.yml")):
        for group in yaml.safe_load(path.read_text())["groups"]:
            for rule in group["rules"]:
                yield path, rule


def of_rules() -> Iterator[Expression]:
    """One per rule."""
    for path, rule in rules():
        kind: Kind = "alert" if "alert" in rule else "record"
        name = rule[kind]
        yield Expression(kind, f"{path.name}: {name}", rule["expr"], name)


@dataclass(frozen=True)
class Selector:
    """A vector selector. `text` is without its range."""

    metric: str
    text: str
    range: timedelta | None


def selectors(promql: str) -> list[Selector]:
    """All vector selectors of an expression, each once. Raises ValueError when it is not PromQL."""
    found: list[Selector] = []
    # The selector within a range is visited after the range.
    seen: list[str] = []

    def visit(node: Any) -> bool:
        if isinstance(node, promql_parser.MatrixSelector):
            seen.append(str(node.vector_selector))
            found.append(_selector(node.vector_selector, node.range))
        elif isinstance(node, promql_parser.VectorSelector):
            if str(node) in seen:
                seen.remove(str(node))
            else:
                found.append(_selector(node, None))
        return True

    promql_parser.walk(promql_parser.parse(promql), visit)
    return list(dict.fromkeys(found))


def _selector(node: Any, window: timedelta | None) -> Selector:
    # What is selected, without the moment: `offset` and `@` do not change it.
    matchers = (f"{one.name}{_OPERATORS[str(one.op)]}{json.dumps(one.value)}" for one in node.matchers.matchers)
    # The parser's own text loses backslashes; a JSON string is a PromQL string too.
    return Selector(node.name or "", (node.name or "") + "{" + ",".join(matchers) + "}", window)
