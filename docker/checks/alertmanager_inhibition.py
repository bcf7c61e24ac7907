#!/usr/bin/env python3
"""Asks a real Alertmanager which alerts it silences because of others.

    alertmanager_inhibition.py CONFIGURATION

Starts Alertmanager on a free port of the loopback, sends it pairs of a cause and a consequence, and
looks which of them it holds back.
"""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

Labels = dict[str, str]

PROGRAMS = ("alertmanager", "prometheus-alertmanager")


def page(name: str, **labels: str) -> Labels:
    return {"alertname": name, "severity": "page", **labels}


def ticket(name: str, **labels: str) -> Labels:
    return {"alertname": name, "severity": "ticket", **labels}


# (the cause, the other alert, whether it is silenced)
CASES: list[tuple[Labels, Labels, bool]] = [
    (page("ServiceDown", service="analytics"), page("ErrorBudgetBurnFast", service="analytics", slo="availability"), True),
    (page("ServiceDown", service="analytics"), page("BreakersAllOpen", service="analytics"), True),
    (page("ServiceDown", service="analytics"), ticket("HighErrorRate", service="gateway"), False),
    # Facts of their own.
    (page("ServiceDown", service="security"), page("AuditChainBroken", service="security"), False),
    (page("ServiceDown", service="ai-assistant"), page("PostgresDown", service="ai-assistant", database="ai"), False),
    (page("PostgresDown", service="security", database="security"), ticket("HighErrorRate", service="security"), True),
    (page("PostgresDown", service="security", database="security"), ticket("HighErrorRate", service="analytics"), False),
    (page("RedisDown"), ticket("OutboxGrowing", service="analytics", schema="analytics"), True),
    (page("OnecUnreachable", service="onec-integration", infobase="a"), ticket("SyncFailing", service="onec-integration"), True),
    (page("ErrorBudgetBurn", service="gateway", slo="availability"), ticket("ErrorBudgetBurnSlow", service="gateway", slo="availability"), True),
    (page("ErrorBudgetBurn", service="gateway", slo="availability"), ticket("HighErrorRate", service="gateway"), True),
    (page("ErrorBudgetBurn", service="gateway", slo="availability"), ticket("HighErrorRate", service="security"), False),
    (page("BreakersAllOpen", service="security"), ticket("BreakerOpen", service="security", replica="one"), True),
    (page("LlmBudgetSpent", service="ai-assistant"), ticket("LlmBudgetNearlySpent", service="ai-assistant"), True),
    (page("DiskAlmostFull", instance="n", mountpoint="/"), ticket("DiskSpaceLow", instance="n", mountpoint="/"), True),
    (page("DiskAlmostFull", instance="n", mountpoint="/"), ticket("DiskSpaceLow", instance="n", mountpoint="/var"), False),
    (page("CertificateExpiresSoon", file="a"), ticket("CertificateExpiring", file="b"), False),
    (page("CertificateExpiresSoon", file="a"), ticket("CertificateExpiring", file="a"), True),
]

# A pair that is sent after the others. Alertmanager takes alerts up in their order and in its own time:
# when the second of these is held back, the others have been taken up too.
LAST = [page("BackupTooOld"), ticket("BackupFailed")]


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def call(address: str, body: object = None) -> object:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(address, data=data, headers={"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=10) as response:
        text = response.read()
    return json.loads(text) if text else None


def key(labels: Labels) -> str:
    return json.dumps(labels, sort_keys=True)


def silenced(program: str, configuration: str, alerts: list[Labels]) -> list[bool]:
    """Which of the alerts are held back while all of them are active."""
    port = free_port()
    with tempfile.TemporaryDirectory() as storage:
        command = [
            program, f"--config.file={configuration}", f"--storage.path={storage}",
            f"--web.listen-address=127.0.0.1:{port}", "--cluster.listen-address=", "--log.level=error",
        ]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        try:
            api = f"http://127.0.0.1:{port}/api/v2/alerts"
            deadline = time.monotonic() + 20
            while True:
                try:
                    call(api, [{"labels": labels} for labels in alerts])
                    break
                except (urllib.error.URLError, ConnectionError):
                    if time.monotonic() > deadline or process.poll() is not None:
                        raise
                    time.sleep(0.1)
            call(api, [{"labels": labels} for labels in LAST])
            while True:
                answer = call(api)
                assert isinstance(answer, list)
                held = {key(one["labels"]): bool(one["status"]["inhibitedBy"]) for one in answer}
                if held.get(key(LAST[1])):
                    return [held[key(labels)] for labels in alerts]
                if time.monotonic() > deadline:
                    raise TimeoutError(f"{LAST[1]} is not silenced by {LAST[0]}")
                time.sleep(0.1)
        finally:
            process.terminate()
            process.wait(timeout=10)


def main() -> int:
    if len(sys.argv) != 2 or not Path(sys.argv[1]).is_file():
        print(__doc__, file=sys.stderr)
        return 64
    program = next((found for name in PROGRAMS if (found := shutil.which(name))), None)
    if program is None:
        print("no alertmanager on this machine (Debian: prometheus-alertmanager)", file=sys.stderr)
        return 1
    failures = 0
    for cause, other, expected in CASES:
        cause_silenced, other_silenced = silenced(program, sys.argv[1], [cause, other])
        if cause_silenced or other_silenced is not expected:
            failures += 1
            print(f"{cause} and {other}: silenced {cause_silenced}, {other_silenced}; not False, {expected}", file=sys.stderr)
    print(f"{len(CASES)} pairs of alerts, {failures} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
