"""Unknown and mistyped keys of a dashboard, by the types that Grafana publishes for its own builders."""

from __future__ import annotations

import enum
import json
import types
import typing
from collections.abc import Iterator
from typing import Any

from grafana_foundation_sdk.cog import plugins
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard

# Without it the options of panels and the queries would be plain dictionaries, in which every key goes.
plugins.register_default_plugins()


def check(document: dict[str, Any]) -> Iterator[str]:
    """What Grafana's types do not know or hold otherwise."""
    try:
        model = Dashboard.from_json(document)
        after = json.loads(JSONEncoder(sort_keys=True).encode(model))
    except Exception as error:  # noqa: BLE001 - whatever the types refuse is a finding
        yield f"is not a dashboard: {error!r}"
        return
    yield from _differences(document, after)
    yield from _mistyped(model, type(model), "")


def _differences(before: Any, after: Any, path: str = "") -> Iterator[str]:
    """Where a document came back otherwise: the types drop what they do not know."""
    if isinstance(before, dict) and isinstance(after, dict):
        for key, value in before.items():
            if key in after:
                yield from _differences(value, after[key], f"{path}/{key}")
            elif value is not None:
                yield f"unknown key {path}/{key}"
    elif isinstance(before, list) and isinstance(after, list):
        for number, (one, other) in enumerate(zip(before, after)):
            yield from _differences(one, other, f"{path}/{number}")
        if len(before) != len(after):
            yield f"{path} has {len(before)} entries and comes back with {len(after)}"
    elif before != after:
        yield f"{path} is {before!r} and comes back as {after!r}"


def _mistyped(value: Any, hint: Any, path: str) -> Iterator[str]:
    """Where a value is not of its declared type; the builders do not look at that themselves."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        findings = [list(_mistyped(value, one, path)) for one in arguments]
        if all(findings):
            # The alternative that fits best is the one that fails deepest.
            yield from max(findings, key=lambda found: found[0].split(" ")[0].count("/"))
    elif origin is typing.Literal:
        if value not in arguments:
            yield f"{path} is {value!r}, not one of {arguments}"
    elif origin is list:
        if not isinstance(value, list):
            yield f"{path} is {value!r}, not a list"
            return
        for number, one in enumerate(value):
            yield from _mistyped(one, arguments[0], f"{path}/{number}")
    elif origin is dict:
        if not isinstance(value, dict):
            yield f"{path} is {value!r}, not an object"
            return
        for key, one in value.items():
            yield from _mistyped(one, arguments[1], f"{path}/{key}")
    elif hint in (object, Any):
        # Declared by the kind of panel: what it is by then has types of its own.
        if _is_model(value):
            yield from _attributes(value, path)
    elif isinstance(hint, type):
        if isinstance(value, dict) and hasattr(hint, "from_json"):
            # Some parts are left as they were read.
            yield from _differences(value, json.loads(JSONEncoder().encode(hint.from_json(value))), path)
            value = hint.from_json(value)
        fits = isinstance(value, hint) or (hint is float and isinstance(value, int))
        if (issubclass(hint, enum.Enum) and value in [one.value for one in hint]) or hint is type(None) is value:
            return
        if not fits or (isinstance(value, bool) and hint in (int, float)):
            yield f"{path} is {value!r}, not {hint.__name__}"
        elif _is_model(value):
            yield from _attributes(value, path)


def _is_model(value: Any) -> bool:
    return type(value).__module__.startswith("grafana_foundation_sdk.models")


def _attributes(model: Any, path: str) -> Iterator[str]:
    if isinstance(model, enum.Enum):
        return
    hints = typing.get_type_hints(type(model))
    for name, value in vars(model).items():
        if name in hints:
            yield from _mistyped(value, hints[name], f"{path}/{name}")
