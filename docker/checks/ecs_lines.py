"""Judges log lines by the Elastic Common Schema. The fields and their types are the committed facts of
docker/monitoring/elk/ecs-fields.json."""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

FIELDS_FILE = Path(__file__).resolve().parent.parent / "monitoring/elk/ecs-fields.json"
REQUIRED = ("@timestamp", "log.level", "message", "ecs.version", "service.name")
LEVELS = {"trace", "debug", "info", "warn", "error"}
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)")
LONG = range(-(2**63), 2**63)
# Access and refresh tokens of ours, keys of model providers, and passwords within addresses.
SECRET_SHAPES = (
    re.compile(r"eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}"),
    re.compile(r"\bsk-[A-Za-z0-9_-]{16,}"),
    re.compile(r"[a-z][a-z0-9+]*://[^\s/:@]+:[^\s/@]+@"),
    re.compile(r"(?i)\bbearer\s+[A-Za-z0-9._~+/-]{16,}"),
)


class Duplicate(ValueError):
    """A name twice in one object: every reader keeps another of the two."""


def known_fields(file: Path = FIELDS_FILE) -> dict[str, dict[str, Any]]:
    fields: dict[str, dict[str, Any]] = json.loads(file.read_text(encoding="utf-8"))["fields"]
    return fields


def parse(line: str) -> dict[str, Any]:
    """The object of a line.

    Raises ValueError when the line is not one JSON object, Duplicate when a name is twice in it.
    """

    def pairs(found: list[tuple[str, Any]]) -> dict[str, Any]:
        names = [name for name, _ in found]
        for name in names:
            if names.count(name) > 1:
                raise Duplicate(name)
        return dict(found)

    value = json.loads(line, object_pairs_hook=pairs)
    if not isinstance(value, dict):
        raise ValueError("not an object")
    return value


def leaves(value: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted names; Elasticsearch takes `a.b` and nested objects for the same."""
    for name, inner in value.items():
        if isinstance(inner, dict):
            yield from leaves(inner, f"{prefix}{name}.")
        else:
            yield prefix + name, inner


def wrong_type(value: Any, kind: str) -> str | None:
    """What is wrong with a value of that ECS type, or None."""
    match kind:
        case "keyword" | "wildcard" | "match_only_text" | "constant_keyword":
            return None if isinstance(value, str) else f"{value!r} is not text"
        case "long":
            whole = isinstance(value, int) and not isinstance(value, bool) and value in LONG
            return None if whole else f"{value!r} is not a whole number of 64 bits"
        case "date":
            fits = isinstance(value, str) and TIME.fullmatch(value) is not None
            return None if fits else f"{value!r} is not a time of RFC 3339"
        case "ip":
            try:
                ipaddress.ip_address(value if isinstance(value, str) else "")
            except ValueError:
                return f"{value!r} is not an address"
            return None
        case _:
            return f"the type {kind} is not known to this check"


def faults_of_field(name: str, value: Any, fields: dict[str, dict[str, Any]]) -> str | None:
    if name.startswith("labels.") and name.count(".") == 1:
        return wrong_type(value, "keyword")
    if name not in fields:
        return "is not a field of ECS"
    field = fields[name]
    if isinstance(value, list):
        if not field.get("array"):
            return "is a list, in ECS it is one value"
        return next((fault for item in value if (fault := wrong_type(item, field["type"]))), None)
    return wrong_type(value, field["type"])


def faults_of_line(
    line: str,
    service: str,
    fields: dict[str, dict[str, Any]],
    secrets: Iterable[tuple[str, str]] = (),
) -> list[str]:
    """Everything that is wrong with one line of a service. `secrets` are pairs of name and value."""
    faults = [f"holds {name}" for name, value in secrets if value in line]
    faults += [f"holds what looks like a secret: /{shape.pattern}/" for shape in SECRET_SHAPES if shape.search(line)]
    try:
        found = dict(leaves(parse(line)))
    except Duplicate as error:
        return [*faults, f"`{error}` is twice in it"]
    except ValueError:
        return [*faults, "is not one JSON object"]
    for name in REQUIRED:
        if found.get(name) in (None, ""):
            faults.append(f"`{name}` is missing")
    for name, value in found.items():
        if fault := faults_of_field(name, value, fields):
            faults.append(f"`{name}` {fault}")
    if found.get("log.level") not in LEVELS:
        faults.append(f"`log.level` is {found.get('log.level')!r}, not one of {', '.join(sorted(LEVELS))}")
    if found.get("service.name") != service:
        faults.append(f"`service.name` is {found.get('service.name')!r}, not {service!r}")
    return faults
