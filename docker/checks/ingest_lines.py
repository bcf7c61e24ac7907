"""Runs the ingest pipeline over lines, as far as it goes: the processors, conditions and patterns that
docker/monitoring/elk/elasticsearch/ingest-pipeline.json uses, and no others. Patterns are defined within
the pipeline and written so that Python and Elasticsearch read them alike; what this cannot show is that
Elasticsearch accepts the pipeline."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

Document = dict[str, Any]
# Java's letters, as far as the pipeline uses them.
DATE_LETTERS = {"yyyy": "%Y", "MMM": "%b", "MM": "%m", "dd": "%d", "HH": "%H", "mm": "%M", "ss.SSS": "%S.%f", "ss": "%S"}
CONDITION = re.compile(r"ctx((?:\??\.\w+)+?)(?:\?\.startsWith\('([^']*)'\)| (==|!=) ('[^']*'|null))")


class Unknown(Exception):
    """Something that this simulation does not know; it is taught, not ignored."""


def get(document: Document, path: str) -> Any:
    value: Any = document
    for part in path.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value


def put(document: Document, path: str, value: Any) -> None:
    *parents, last = path.split(".")
    for part in parents:
        document = document.setdefault(part, {})
    document[last] = value


def remove(document: Document, path: str) -> None:
    *parents, last = path.split(".")
    inner = get(document, ".".join(parents)) if parents else document
    if isinstance(inner, dict):
        inner.pop(last, None)


def holds(condition: str, document: Document) -> bool:
    def clause(text: str) -> bool:
        found = CONDITION.fullmatch(text.strip())
        if not found:
            raise Unknown(f"condition {text}")
        value = get(document, found[1].replace("?", "").lstrip("."))
        if found[2] is not None:
            return isinstance(value, str) and value.startswith(found[2])
        wanted = None if found[4] == "null" else found[4].strip("'")
        return (value == wanted) == (found[3] == "==")

    return any(all(clause(part) for part in way.split("&&")) for way in condition.split("||"))


def grok_regex(pattern: str, definitions: dict[str, str]) -> tuple[re.Pattern[str], dict[str, tuple[str, str]]]:
    """The regular expression and, by group, (field, type)."""
    groups: dict[str, tuple[str, str]] = {}

    def expand(match: re.Match[str]) -> str:
        name, _, field = match[1].partition(":")
        if name not in definitions:
            raise Unknown(f"pattern {name}")
        if not field:
            return f"(?:{definitions[name]})"
        field, _, kind = field.partition(":")
        group = f"g{len(groups)}"
        groups[group] = (field, kind or "string")
        return f"(?P<{group}>{definitions[name]})"

    return re.compile(re.sub(r"%\{([^}]+)\}", expand, pattern)), groups


def grok(document: Document, options: dict[str, Any]) -> bool:
    text = get(document, options["field"])
    for pattern in options["patterns"]:
        regex, groups = grok_regex(pattern, options["pattern_definitions"])
        found = regex.search(text) if isinstance(text, str) else None
        if found:
            for group, (field, kind) in groups.items():
                # A group that took no part leaves the field out.
                if found[group] is not None:
                    put(document, field, int(found[group]) if kind == "int" else found[group])
            return True
    return False


def date(document: Document, options: dict[str, Any]) -> bool:
    text = get(document, options["field"])
    for java in options["formats"]:
        layout = java
        for letters, code in DATE_LETTERS.items():
            layout = layout.replace(letters, code, 1) if letters in layout else layout
        try:
            parsed = datetime.strptime(text, layout).replace(tzinfo=UTC)
        except (TypeError, ValueError):
            continue
        put(document, options.get("target_field", "@timestamp"), parsed.isoformat(timespec="milliseconds").replace("+00:00", "Z"))
        return True
    return False


def apply(kind: str, options: dict[str, Any], document: Document) -> bool:
    """Whether it worked."""
    match kind:
        case "set":
            value = options["value"]
            put(document, options["field"], "2026-11-24T18:00:00.000Z" if value == "{{{_ingest.timestamp}}}" else value)
        case "dot_expander":
            if options != {"field": "*", "override": True}:
                raise Unknown("dot_expander of single fields")
            for name in [name for name in document if "." in name]:
                put(document, name, document.pop(name))
        case "grok":
            return grok(document, options)
        case "date":
            return date(document, options)
        case "remove":
            remove(document, options["field"])
        case "lowercase":
            value = get(document, options["field"])
            if isinstance(value, str):
                put(document, options["field"], value.lower())
            return value is not None or bool(options.get("ignore_missing"))
        case "append":
            put(document, options["field"], [*(get(document, options["field"]) or []), options["value"]])
        case _:
            raise Unknown(f"processor {kind}")
    return True


def run(pipeline: dict[str, Any], document: Document) -> Document:
    for processor in pipeline["processors"]:
        (kind, options), = processor.items()
        if "if" in options and not holds(options["if"], document):
            continue
        if not apply(kind, options, document) and not options.get("ignore_failure"):
            raise Unknown(f"{kind} failed without ignore_failure")
    return document
