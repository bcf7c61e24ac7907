#!/usr/bin/env python3
"""Evaluates every expression of dashboards and rules against a running Prometheus.

    check_live.py --prometheus http://127.0.0.1:9090 [--wait SECONDS] [--strict]

A panel without data, a recording rule that records nothing, and an alert that looks at a series that
does not exist all look like silence. So none may be empty: the expressions of panels and recording
rules, and every vector selector within any expression. The expression of an alert itself may be empty,
since nothing is wrong. Needs a system under traffic for three minutes, so that every rule has been evaluated.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from promql_expressions import Expression, of_dashboards, of_rules, selectors

ALLOWED = Path(__file__).with_name("promql_live_allow.yml")

# Made by Prometheus itself for alerts that are pending or fire: empty when nothing is wrong.
SYNTHETIC = {"ALERTS"}


class Prometheus:
    """The parts of its HTTP API that are needed."""

    def __init__(self, address: str) -> None:
        self.address = address.rstrip("/")
        self._known: set[str] = set()
        self._answers: dict[str, list[Any]] = {}

    def get(self, path: str, **parameters: str) -> Any:
        query = urllib.parse.urlencode(parameters).encode()
        request = urllib.request.Request(f"{self.address}/api/v1/{path}", data=query or None)
        try:
            with urllib.request.urlopen(request, timeout=60) as response:
                return json.load(response)["data"]
        except urllib.error.HTTPError as error:
            raise ValueError(json.load(error).get("error", str(error))) from None

    def query(self, promql: str) -> list[Any]:
        if promql not in self._answers:
            self._answers[promql] = self.get("query", query=promql)["result"]
        return self._answers[promql]

    def known(self, metric: str) -> bool:
        if not self._known:
            self._known = set(self.get("label/__name__/values"))
        return metric in self._known


@dataclass
class Findings:
    """What was found, and what was let pass."""

    failures: list[str] = field(default_factory=list)
    allowed: dict[str, str] = field(default_factory=dict)


def allow_list() -> list[tuple[re.Pattern[str], str]]:
    return [(re.compile(entry["metric"]), entry["reason"]) for entry in yaml.safe_load(ALLOWED.read_text())]


def check(prometheus: Prometheus, expression: Expression, allow: list[tuple[re.Pattern[str], str]]) -> Findings:
    """One expression and its selectors."""
    findings = Findings()

    def excused(metrics: list[str]) -> bool:
        for metric in metrics:
            for pattern, reason in allow:
                if pattern.fullmatch(metric):
                    findings.allowed[metric] = reason
                    return True
        return False

    promql = expression.promql()
    found = selectors(promql)
    metrics = [selector.metric for selector in found]
    for selector in found:
        if selector.metric in SYNTHETIC:
            continue
        if not prometheus.known(selector.metric):
            if not excused([selector.metric]):
                findings.failures.append(f"{expression.where}: no such metric: {selector.metric}")
        elif not prometheus.query(f"count({selector.text})") and not excused([selector.metric]):
            findings.failures.append(f"{expression.where}: nothing matches {selector.text}")
    if expression.kind != "alert":
        result = prometheus.query(promql)
        recorded = expression.kind != "record" or prometheus.known(expression.name)
        if (not result or not recorded) and not excused([*metrics, expression.name]):
            findings.failures.append(f"{expression.where}: empty: {promql.strip()}")
    return findings


def check_rules(prometheus: Prometheus) -> list[str]:
    """Whether Prometheus has the rules of this folder, and evaluates them without errors."""
    failures = []
    loaded = {
        rule["name"]: rule
        for group in prometheus.get("rules")["groups"]
        for rule in group["rules"]
    }
    for expression in of_rules():
        rule = loaded.get(expression.name)
        if rule is None:
            failures.append(f"{expression.where}: Prometheus has not loaded it")
        elif rule.get("lastError"):
            failures.append(f"{expression.where}: {rule['lastError']}")
    for alert in prometheus.get("alerts")["alerts"]:
        for name, text in alert["annotations"].items():
            if "error expanding template" in text or "<no value>" in text:
                failures.append(f"alert {alert['labels']['alertname']}: {name}: {text}")
    return failures


def run(prometheus: Prometheus, strict: bool) -> tuple[int, Findings]:
    allow = [] if strict else allow_list()
    total = Findings()
    number = 0
    for expression in [*of_dashboards(), *of_rules()]:
        number += 1
        try:
            findings = check(prometheus, expression, allow)
        except ValueError as error:
            findings = Findings([f"{expression.where}: {error}"])
        total.failures.extend(findings.failures)
        total.allowed.update(findings.allowed)
    total.failures.extend(check_rules(prometheus))
    return number, total


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--prometheus", required=True, help="its address, such as http://127.0.0.1:9090")
    parser.add_argument("--wait", type=int, default=0, help="seconds to go on trying while something is empty")
    parser.add_argument("--strict", action="store_true", help="no exceptions")
    arguments = parser.parse_args()
    deadline = time.monotonic() + arguments.wait
    while True:
        number, findings = run(Prometheus(arguments.prometheus), arguments.strict)
        if not findings.failures or time.monotonic() >= deadline:
            break
        time.sleep(10)
    for metric, reason in sorted(findings.allowed.items()):
        print(f"not there, and need not be: {metric}: {reason}")
    for failure in findings.failures:
        print(failure, file=sys.stderr)
    print(f"{number} expressions, {len(findings.failures)} failures")
    return 1 if findings.failures else 0


if __name__ == "__main__":
    sys.exit(main())
