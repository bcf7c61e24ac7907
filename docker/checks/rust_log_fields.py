"""Names of the fields that the source gives to log events and spans: lines that only a rare failure
writes are judged too."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

MACRO = re.compile(r"\b(?:tracing::)?\$?(?:event|trace|debug|info|warn|error|\$level)(?:_span)?!\(")
NAMED = re.compile(r"^([A-Za-z_][\w.]*)\s*=(?!=)")
SHORT = re.compile(r"^[%?]?([a-z_][\w.]*)$")
ALIAS = re.compile(r'"([a-z_.]+)" => "([a-z_.@]+)"')


def aliases(json_layer: str) -> dict[str, str]:
    """What the JSON layer calls some names: `error` becomes `error.message`."""
    return dict(ALIAS.findall(json_layer))


def arguments_of(text: str) -> list[str]:
    """The arguments of a macro call, whose text begins after the opening parenthesis."""
    parts: list[str] = []
    depth, start, position = 0, 0, 0
    while position < len(text):
        character = text[position]
        if character == '"':
            position += 1
            while position < len(text) and text[position] != '"':
                position += 2 if text[position] == "\\" else 1
        elif character in "([{":
            depth += 1
        elif character in ")]}":
            if depth == 0:
                parts.append(text[start:position])
                break
            depth -= 1
        elif character == "," and depth == 0:
            parts.append(text[start:position])
            start = position + 1
        position += 1
    return [part.strip() for part in parts if part.strip()]


def fields_of(source: str) -> Iterator[tuple[int, str]]:
    """(line, field name) of each field before the message."""
    for call in MACRO.finditer(source):
        for argument in arguments_of(source[call.end() :]):
            if argument.startswith(('"', "target:", "parent:", "name:")):
                if argument.startswith('"') and "_span" not in call[0]:
                    break
                continue
            found = NAMED.match(argument) or SHORT.match(argument)
            if found:
                yield source.count("\n", 0, call.start()) + 1, found[1]


def fields_of_services(root: Path, crates: list[str]) -> Iterator[tuple[str, str]]:
    """(place, name as it is in the JSON line) over the sources of the crates."""
    names = aliases((root / "crates/common/src/telemetry/json.rs").read_text(encoding="utf-8"))
    for crate in crates:
        for file in sorted((root / "crates" / crate / "src").rglob("*.rs")):
            for line, name in fields_of(file.read_text(encoding="utf-8")):
                yield f"{file.relative_to(root)}:{line}", names.get(name, name)
