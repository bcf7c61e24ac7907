#!/usr/bin/env python3
"""Rules for the Compose files, on what Compose makes of them (`config --format json`).

    compose_rules.py [--root DIR]

Judges docker-compose.yml and, with docker-compose.prod.yml, production; and that .env.example and the
files name the same variables. What deviates needs a reason in compose_reasons.py; a reason that nothing
needs any more is a fault too.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import compose_reasons as reasons

PROFILES = ("metrics", "logs", "monitoring", "demo", "databases")
SECRET_NAME = re.compile(r"(PASSWORD|SECRET|TOKEN|SECRET_KEY|API_KEY|ENCRYPTION_KEY)$")
VARIABLE = re.compile(r"\$\{([A-Za-z_]\w*)[^}]*\}")
# An entry of `environment` without a value is taken from the environment under the same name.
PASSED_ON = re.compile(r"^\s+([A-Z][A-Z0-9_]*):\s*$", re.MULTILINE)


def rendered(files: list[Path]) -> dict[str, Any]:
    """What Compose makes of the files, whatever .env this folder has."""
    demanded = {name: "x" for file in files for name in re.findall(r"\$\{([A-Za-z_]\w*):\?", file.read_text(encoding="utf-8"))}
    demanded |= {"SECRETS_DIR": "/srv/secrets", "TLS_DIR": "/srv/tls"} if "SECRETS_DIR" in demanded else {}
    environment = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/")} | demanded
    with tempfile.NamedTemporaryFile() as empty:
        command = ["docker", "compose", "--env-file", empty.name, "--project-directory", str(files[0].parent)]
        command += [part for file in files for part in ("-f", str(file))]
        command += [part for profile in PROFILES for part in ("--profile", profile)]
        done = subprocess.run([*command, "config", "--format", "json"], env=environment, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"compose_rules: {done.stderr.strip()}")
    result: dict[str, Any] = json.loads(done.stdout)
    return result


class Judge:
    """Collects faults; remembers which reasons were needed."""

    def __init__(self) -> None:
        self.faults: list[str] = []
        self.needed: set[tuple[str, str]] = set()

    def unless_reasoned(self, rule: str, service: str, fault: str) -> None:
        if service in reasons.OF_SERVICES.get(rule, {}):
            self.needed.add((rule, service))
        else:
            self.faults.append(fault)

    def service(self, name: str, service: dict[str, Any], production: bool) -> None:
        def wrong(text: str) -> None:
            self.faults.append(f"{name}: {text}")

        options = service.get("logging", {}).get("options", {})
        if service.get("logging", {}).get("driver") != "json-file" or not {"max-size", "max-file"} <= set(options):
            wrong("logs without a limit (json-file, max-size, max-file)")
        if not {"com.docker.compose.project", "com.docker.compose.service"} <= set(options.get("labels", "").split(",")):
            wrong("log lines do not tell project and service, which the shippers need")
        if "no-new-privileges:true" not in service.get("security_opt", []):
            wrong("no-new-privileges is not set")
        if service.get("cap_drop") != ["ALL"]:
            wrong("cap_drop is not [ALL]")
        if service.get("privileged"):
            wrong("privileged")
        limits = service.get("deploy", {}).get("resources", {}).get("limits", {})
        if not {"memory", "cpus", "pids"} <= set(limits):
            wrong(f"limits of {', '.join(sorted({'memory', 'cpus', 'pids'} - set(limits)))} are missing")
        image = service.get("image", "")
        tag = image.rsplit("/", 1)[-1].partition("@")[0].partition(":")[2]
        if not image or ("@sha256:" not in image and tag in ("", "latest")):
            wrong(f"the image {image or '(none)'} is not pinned")
        if service.get("cap_add"):
            self.unless_reasoned("cap_add", name, f"{name}: adds {', '.join(service['cap_add'])} without a reason")
        if not service.get("read_only"):
            self.unless_reasoned("read_only", name, f"{name}: its root can be written to, without a reason")
        if service.get("healthcheck", {}).get("disable") or "healthcheck" not in service:
            self.unless_reasoned("healthcheck", name, f"{name}: no health check and no reason")
        for key in ("pid", "ipc", "network_mode", "userns_mode"):
            if service.get(key) == "host":
                self.unless_reasoned(key, name, f"{name}: {key} of the machine, without a reason")
        if str(service.get("user", "")).split(":")[0] in ("root", "0"):
            self.unless_reasoned("user", name, f"{name}: runs as root without a reason")
        for volume in service.get("volumes", []):
            if "docker.sock" in f"{volume.get('source')}{volume.get('target')}":
                wrong("has the Docker socket, and with it the machine")
            if volume.get("type") == "bind" and not volume.get("read_only"):
                self.unless_reasoned("bind", name, f"{name}: may write to {volume.get('source')}, without a reason")
        for variable in service.get("environment", {}):
            if SECRET_NAME.search(variable) and service["environment"][variable]:
                wrong(f"{variable} has a value; secrets are files")
        self.ports(name, service, production)

    def ports(self, name: str, service: dict[str, Any], production: bool) -> None:
        for port in service.get("ports", []):
            if production and name == "nginx":
                continue
            if port.get("host_ip") not in ("127.0.0.1", "::1"):
                self.faults.append(f"{name}: port {port.get('published')} is published on {port.get('host_ip') or 'every address'}")

    def finish(self) -> None:
        for rule, services in reasons.OF_SERVICES.items():
            for service in services:
                if (rule, service) not in self.needed:
                    self.faults.append(f"{service}: the reason for {rule} is not needed any more")


def variables_of(text: str) -> set[str]:
    return {name for name in VARIABLE.findall(re.sub(r"^\s*#.*$", "", text, flags=re.MULTILINE)) if name.isupper()} | set(PASSED_ON.findall(text))


def variables_of_example(text: str) -> set[str]:
    return set(re.findall(r"^#?\s?([A-Z][A-Z0-9_]*)=", text, flags=re.MULTILINE))


def faults_of_variables(example: str, files: list[str]) -> list[str]:
    told, used = variables_of_example(example), set().union(*map(variables_of, files))
    faults = [f"{name} is in .env.example but in no Compose file" for name in sorted(told - used - set(reasons.NOT_IN_COMPOSE))]
    faults += [f"{name} is in a Compose file but not in .env.example" for name in sorted(used - told - set(reasons.NOT_IN_EXAMPLE))]
    faults += [f"{name}: its reason in NOT_IN_COMPOSE is not needed any more" for name in sorted(set(reasons.NOT_IN_COMPOSE) - (told - used))]
    faults += [f"{name}: its reason in NOT_IN_EXAMPLE is not needed any more" for name in sorted(set(reasons.NOT_IN_EXAMPLE) - (used - told))]
    return faults


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, default=Path(__file__).resolve().parents[2])
    root = parser.parse_args().root
    base, over = root / "docker-compose.yml", root / "docker-compose.prod.yml"
    judge = Judge()
    setups = [("development", [base])] + ([("production", [base, over])] if over.exists() else [])
    for setup, files in setups:
        before = len(judge.faults)
        services = rendered(files)["services"]
        for name, service in services.items():
            judge.service(name, service, setup == "production")
        judge.faults[before:] = [f"{setup}: {fault}" for fault in judge.faults[before:]]
        print(f"compose_rules: {setup}, {len(services)} services")
    judge.finish()
    texts = [file.read_text(encoding="utf-8") for file in (base, over) if file.exists()]
    judge.faults += faults_of_variables((root / ".env.example").read_text(encoding="utf-8"), texts)
    print("\n".join(judge.faults) if judge.faults else "compose_rules: no fault")
    return 1 if judge.faults else 0


if __name__ == "__main__":
    sys.exit(main())
