#!/usr/bin/env python3
"""Light traffic on a running system, and what became of each request.

    traffic.py --url https://127.0.0.1 --seconds 60 [--workers 4] [--rate 20] [--report FILE]

Logs in as the demo administrator, then asks questions, reads reports and lists at a fixed rate until
the time is over or SIGTERM comes, and prints a JSON summary: requests, failures (no answer, a broken
answer, or a status of 500 and above), the first failures in words, percentiles of the time taken.
Exit code 1 when there were more failures than --allow.
"""

from __future__ import annotations

import argparse
import http.client
import json
import signal
import ssl
import sys
import threading
import time
import urllib.parse
from dataclasses import dataclass, field

QUESTION = {"message": "Кто нам должен больше всего и сколько просрочено?"}
LOGIN = '{"email": "admin@demo.local", "password": "Romashka-2026"}'


@dataclass
class Tally:
    """What became of the requests so far."""

    requests: int = 0
    failures: list[str] = field(default_factory=list)
    limited: int = 0
    seconds: list[float] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def count(self, took: float, failure: str | None, limited: bool) -> None:
        with self.lock:
            self.requests += 1
            self.seconds.append(took)
            self.limited += limited
            if failure is not None:
                self.failures.append(f"{time.strftime('%H:%M:%S')} {failure}")

    def summary(self) -> dict[str, object]:
        with self.lock:
            ordered = sorted(self.seconds)
            share = lambda part: round(ordered[min(len(ordered) - 1, int(len(ordered) * part))], 4) if ordered else None
            return {
                "requests": self.requests,
                "failures": len(self.failures),
                "rate_limited": self.limited,
                "p50_seconds": share(0.50),
                "p95_seconds": share(0.95),
                "max_seconds": share(1.0),
                "first_failures": self.failures[:10],
            }


class Client:
    """One connection to the edge, kept as a browser keeps it."""

    def __init__(self, url: str) -> None:
        parts = urllib.parse.urlsplit(url)
        self.host, self.port, self.tls = parts.hostname or "", parts.port, parts.scheme == "https"
        self.connection: http.client.HTTPConnection | None = None

    def request(self, method: str, path: str, body: object = None, token: str | None = None) -> tuple[int, bytes]:
        if self.connection is None:
            if self.tls:
                context = ssl.create_default_context()
                # The certificate of a development setup is its own authority.
                context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
                self.connection = http.client.HTTPSConnection(self.host, self.port, timeout=30, context=context)
            else:
                self.connection = http.client.HTTPConnection(self.host, self.port, timeout=30)
        headers = {"Accept": "application/json"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        content = None
        if body is not None:
            content = json.dumps(body).encode()
            headers["Content-Type"] = "application/json"
        try:
            self.connection.request(method, path, content, headers)
            answer = self.connection.getresponse()
            return answer.status, answer.read()
        except BaseException:
            self.connection.close()
            self.connection = None
            raise

    def log_in(self, login: object) -> str:
        status, body = self.request("POST", "/api/users/auth/login", login)
        if status != 200:
            raise SystemExit(f"cannot log in: {status} {body[:200]!r}")
        return json.loads(body)["access_token"]


REQUESTS: list[tuple[str, str, object]] = [
    ("GET", "/api/1c/companies", None),
    ("GET", "/api/1c/reports/receivables?limit=5", None),
    ("POST", "/api/ai/chat", QUESTION),
    ("GET", "/api/users/me", None),
    ("GET", "/api/analytics/metrics", None),
    ("GET", "/api/security/alerts?limit=5", None),
    ("GET", "/api/ai/models", None),
]


def work(url: str, token: str, number: int, pause: float, end: threading.Event, tally: Tally) -> None:
    client = Client(url)
    turn = number
    due = time.monotonic() + pause * number / 4
    while not end.wait(max(0.0, due - time.monotonic())):
        due += pause
        method, path, body = REQUESTS[turn % len(REQUESTS)]
        turn += 1
        started = time.monotonic()
        failure, limited = None, False
        try:
            status, answer = client.request(method, path, body, token)
            limited = status == 429
            if status >= 400 and not limited:
                failure = f"{method} {path}: {status} {answer[:200].decode(errors='replace')}"
        except (OSError, http.client.HTTPException) as error:
            failure = f"{method} {path}: {type(error).__name__}: {error}"
        tally.count(time.monotonic() - started, failure, limited)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--rate", type=float, default=8.0, help="requests per second, of all workers")
    parser.add_argument("--allow", type=int, default=0, help="failures that are no failure of the run")
    parser.add_argument("--login", default=LOGIN, help="body of the login, JSON")
    parser.add_argument("--report", help="file for the summary, besides standard output")
    arguments = parser.parse_args()
    end = threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: end.set())
    token = Client(arguments.url).log_in(json.loads(arguments.login))
    tally = Tally()
    pause = arguments.workers / arguments.rate
    workers = [
        threading.Thread(target=work, args=(arguments.url, token, number, pause, end, tally))
        for number in range(arguments.workers)
    ]
    for worker in workers:
        worker.start()
    end.wait(arguments.seconds)
    end.set()
    for worker in workers:
        worker.join()
    summary = json.dumps(tally.summary(), ensure_ascii=False, indent=2)
    print(summary)
    if arguments.report:
        with open(arguments.report, "w", encoding="utf-8") as file:
            file.write(summary)
    return int(len(tally.failures) > arguments.allow)


if __name__ == "__main__":
    sys.exit(main())
