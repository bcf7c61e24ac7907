#!/usr/bin/env python3
"""Checks what the running services log: asks them things, right and wrong, then judges every line.

    logs_ecs.py --project NAME --gateway URL [--nginx URL]     a running Compose project
    logs_ecs.py --folder DIR --gateway URL                     DIR/<compose service>.log

Every line must be one JSON object with field names and types of ECS, have the required fields, no name
twice, and none of the passwords, tokens, addresses and texts that were sent. Each service must have
logged the request that was sent through it.
"""

from __future__ import annotations

import argparse
import json
import os
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections import Counter
from pathlib import Path
from typing import Any

import ecs_lines

# Compose service → service.name
SERVICES = {
    "api-gateway": "gateway",
    "ai-assistant": "ai-assistant",
    "1c-integration": "onec-integration",
    "user-management": "user-management",
    "analytics": "analytics",
    "security": "security",
}
# Logs plain text beside JSON: errors of its own.
NGINX = "nginx"
WAIT_SECONDS = 30


class Client:
    """Talks to the gateway; each request has an id of its own, by which its lines are found."""

    def __init__(self, base: str) -> None:
        self._base = base.rstrip("/")
        self.token: str | None = None
        # The pair of a test is self-signed.
        self._tls = ssl._create_unverified_context() if base.startswith("https:") else None

    def ask(self, method: str, path: str, body: Any = None, token: str | None = None, raw: bytes | None = None) -> tuple[int, str, bytes]:
        identity = str(uuid.uuid4())
        data = raw if raw is not None else None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self._base + path, data=data, method=method)
        request.add_header("X-Request-Id", identity)
        if data is not None:
            request.add_header("Content-Type", "application/json")
        if token or self.token:
            request.add_header("Authorization", f"Bearer {token or self.token}")
        try:
            with urllib.request.urlopen(request, timeout=60, context=self._tls) as answer:
                return answer.status, identity, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, identity, error.read()


class Sent:
    """What was sent and must not be logged, and which service must have logged which request."""

    def __init__(self) -> None:
        self.secrets: list[tuple[str, str]] = []
        self.requests: list[tuple[str, str]] = []

    def secret(self, name: str, text: str = "") -> str:
        """A text that is nowhere else."""
        value = f"{text}{uuid.uuid4().hex}"
        self.secrets.append((name, value))
        return value

    def went_to(self, service: str, answer: tuple[int, str, bytes], *statuses: int) -> bytes:
        status, identity, body = answer
        if status not in statuses:
            raise SystemExit(f"logs_ecs: {service} answered {status}, not {statuses}: {body[:300].decode(errors='replace')}")
        self.requests += [("api-gateway", identity), (service, identity)]
        return body


def drive(client: Client, email: str, password: str, sent: Sent, throwaway: bool) -> None:
    """Requests that succeed and requests that are refused, through every service."""
    sent.secrets += [("the password of the administrator", password), ("the e-mail address of the administrator", email)]
    login = "/api/users/auth/login"
    wrong = {"email": sent.secret("an unknown e-mail address", "nobody-") + "@example.org", "password": sent.secret("a wrong password")}
    sent.went_to("user-management", client.ask("POST", login, wrong), 401)
    broken = f'{{"email": "{sent.secret("a body that is no JSON")}'.encode()
    sent.went_to("user-management", client.ask("POST", login, raw=broken), 400, 422)
    tokens = json.loads(sent.went_to("user-management", client.ask("POST", login, {"email": email, "password": password}), 200))
    client.token = tokens["access_token"]
    sent.secrets += [(f"the {name}", value) for name, value in tokens.items() if name.endswith("_token") and isinstance(value, str)]
    forged = sent.secret("a forged token", "eyJhbGciOiJFZERTQSJ9.")
    sent.went_to("api-gateway", client.ask("GET", "/api/users/me", token=forged), 401)
    sent.went_to("user-management", client.ask("GET", "/api/users/me"), 200)

    question = f"Кто нам должен больше всего и сколько просрочено? {sent.secret('the text of a question')}"
    answer = json.loads(sent.went_to("ai-assistant", client.ask("POST", "/api/ai/chat", {"message": question}), 200))
    sent.secrets.append(("the text of an answer", str(answer["answer"])[:60]))
    sent.went_to("ai-assistant", client.ask("POST", "/api/ai/chat", {"message": 5, "no": sent.secret("a wrong question")}), 400, 422)

    search = sent.secret("a query of a search")
    sent.went_to("1c-integration", client.ask("GET", f"/api/1c/search?q={search}"), 200, 400, 422)
    sent.went_to("1c-integration", client.ask("GET", "/api/1c/reports/no-such-report"), 404)
    sent.went_to("1c-integration", client.ask("GET", "/api/1c/companies"), 200)
    infobase = {
        "name": f"Проверка {uuid.uuid4().hex[:8]}",
        "base_url": "no address",
        "username": "odata",
        "password": sent.secret("the password of an infobase"),
        "time_zone": "Europe/Moscow",
    }
    sent.went_to("1c-integration", client.ask("POST", "/api/1c/infobases", infobase), 400, 422)
    if throwaway:
        infobase |= {"base_url": f"http://127.0.0.1:9/{uuid.uuid4().hex[:8]}", "password": sent.secret("the password of an unreachable infobase")}
        sent.went_to("1c-integration", client.ask("POST", "/api/1c/infobases", infobase), 200, 201, 202)
    sent.went_to("analytics", client.ask("GET", "/api/analytics/metrics"), 200)
    sent.went_to("analytics", client.ask("POST", "/api/analytics/reports/generate", {"report": sent.secret("an unknown report")}), 400, 404, 422)
    sent.went_to("security", client.ask("GET", "/api/security/threats"), 200)
    sent.went_to("security", client.ask("GET", "/api/security/audit/verify"), 200)
    sent.went_to("api-gateway", client.ask("GET", f"/api/no/such/path?token={sent.secret('a query of an unknown path')}"), 404)


def lines_of_project(project: str, service: str) -> list[str]:
    """Both streams of all containers of the service, as the programs wrote them."""
    labels = [f"label=com.docker.compose.project={project}", f"label=com.docker.compose.service={service}"]
    found = subprocess.run(
        ["docker", "ps", "--all", "--quiet", *(part for label in labels for part in ("--filter", label))],
        check=True, capture_output=True, text=True,
    ).stdout.split()
    lines: list[str] = []
    for container in found:
        log = subprocess.run(["docker", "logs", container], check=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        lines += log.stdout.decode("utf-8").split("\n")
    return [line for line in lines if line]


def lines_of(options: argparse.Namespace, service: str) -> list[str]:
    if options.project:
        return lines_of_project(options.project, service)
    text = (options.folder / f"{service}.log").read_text(encoding="utf-8")
    return [line for line in text.split("\n") if line]


def missing_requests(lines: dict[str, list[str]], sent: Sent) -> list[tuple[str, str]]:
    everything = {service: "\n".join(of_service) for service, of_service in lines.items()}
    return [(service, identity) for service, identity in sent.requests if f'"{identity}"' not in everything[service]]


def secrets_of_files(folder: Path) -> list[tuple[str, str]]:
    """Values of the secret files; well-known ones that are their own names would match file names."""
    secrets = []
    for file in sorted(folder.iterdir()):
        value = file.read_text(encoding="utf-8").strip()
        if len(value) >= 8 and "\n" not in value and value != file.name:
            secrets.append((f"the secret {file.name}", value))
    return secrets


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--project", help="Compose project whose containers are read")
    where.add_argument("--folder", type=Path, help="folder with <compose service>.log")
    parser.add_argument("--gateway", required=True, help="address of the gateway")
    parser.add_argument("--nginx", help="address of nginx, whose access log is then judged too")
    parser.add_argument("--throwaway", action="store_true", help="the system is to be destroyed: also add an infobase that cannot be reached")
    parser.add_argument("--email", default="admin@demo.local")
    parser.add_argument("--password-file", type=Path, help="file with the administrator's password")
    parser.add_argument("--secrets", type=Path, help="folder of secret files, none of which may be logged")
    options = parser.parse_args()
    file = options.password_file or (options.secrets / "admin_password" if options.secrets else None)
    password = file.read_text(encoding="utf-8").strip() if file else os.environ.get("ADMIN_PASSWORD", "")
    if not password:
        parser.error("the administrator's password: --password-file, --secrets or ADMIN_PASSWORD")

    sent = Sent()
    drive(Client(options.gateway), options.email, password, sent, options.throwaway)
    services = dict(SERVICES)
    if options.nginx:
        services[NGINX] = NGINX
        through_nginx = Sent()
        drive(Client(options.nginx), options.email, password, through_nginx, False)
        sent.secrets += through_nginx.secrets
        sent.requests += through_nginx.requests + [(NGINX, identity) for _, identity in through_nginx.requests]
    secrets = sent.secrets + (secrets_of_files(options.secrets) if options.secrets else [])

    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        lines = {service: lines_of(options, service) for service in services}
        missing = missing_requests(lines, sent)
        if not missing or time.monotonic() > deadline:
            break
        time.sleep(0.5)
    faults: Counter[str] = Counter(f"{service} did not log request {identity}" for service, identity in missing)
    examples: dict[str, str] = {}
    fields = ecs_lines.known_fields()
    for service, of_service in lines.items():
        judged = [line for line in of_service if service != NGINX or line.startswith("{")]
        if not judged:
            faults[f"{service} logged nothing"] += 1
        for line in judged:
            for fault in ecs_lines.faults_of_line(line, services[service], fields, secrets):
                faults[f"{service}: a line {fault}"] += 1
                examples.setdefault(f"{service}: a line {fault}", line)
        print(f"{service}: {len(judged)} lines")
    for fault, times in faults.items():
        print(f"FAULT ({times}×) {fault}")
        if fault in examples and "holds" not in fault:
            print(f"      {examples[fault][:400]}")
    print(f"{sum(map(len, lines.values()))} lines, {len(secrets)} secrets looked for, {len(faults)} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
