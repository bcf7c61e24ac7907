#!/usr/bin/env python3
"""Log lines for the test of shipping, and whether exactly they arrived.

    shipping_lines.py write CONTAINERS_DIR FROM TO     appends the lines FROM..TO to container log files
    shipping_lines.py expected FROM TO                 prints how many of them are to arrive
    shipping_lines.py verify DOCUMENTS FROM TO         compares what the sink kept
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

PROJECT = "shipping"
CONTAINERS = {
    "a1": ("api-gateway", PROJECT),
    "b2": ("postgres_ai", PROJECT),
    "c3": ("api-gateway", "somebody-else"),
    "d4": ("elasticsearch", PROJECT),
    # A second replica of the gateway: the same line at the same time is another line.
    "e5": ("api-gateway", PROJECT),
}
AWKWARD = ("«ёжик» №5 −1 234 567,89 ₽", 'кавычки " и \\ черта', "таб\tи \u2028 разделитель", "Қазақ 😀 %s %d ${x}")


def time_of(number: int) -> str:
    return f"2026-11-24T18:{number // 60 % 60:02}:{number % 60:02}.{number % 1_000_000_000:09}Z"


def line_of(container: str, number: int) -> str:
    """What the program printed: ECS from services, plain text from PostgreSQL."""
    text = f"строка {number}: {AWKWARD[number % len(AWKWARD)]}"
    if CONTAINERS[container][0].startswith("postgres"):
        return f"2026-11-24 18:00:00.123 UTC [{number}] 1c_user@onec 172.18.0.5 LOG:  {text}"
    fields: dict[str, Any] = {
        "@timestamp": time_of(number),
        "ecs.version": "8.11.0",
        "event.duration": 9_007_199_254_740_993 + number,
        "log.level": "info",
        "message": text,
        "service.name": "gateway",
    }
    return json.dumps(fields, ensure_ascii=False)


def containers_of(number: int) -> list[str]:
    return ["a1", "e5"] if number % 50 == 0 else [("a1", "b2", "c3", "d4")[number % 4]]


def write(folder: Path, first: int, last: int) -> None:
    """As the json-file driver does: one object per line, non-ASCII characters as they are."""
    for number in range(first, last + 1):
        for container in containers_of(number):
            identity = container * 32
            service, project = CONTAINERS[container]
            attributes = {"com.docker.compose.project": project, "com.docker.compose.service": service}
            line = {"log": line_of(container, number) + "\n", "stream": "stderr", "attrs": attributes, "time": time_of(number)}
            file = folder / identity / f"{identity}-json.log"
            file.parent.mkdir(parents=True, exist_ok=True)
            with file.open("a", encoding="utf-8") as out:
                out.write(json.dumps(line, ensure_ascii=False) + "\n")


def expected(first: int, last: int) -> Counter[str]:
    """The documents that are to arrive, as canonical JSON."""
    documents: Counter[str] = Counter()
    for number in range(first, last + 1):
        for container in containers_of(number):
            service, project = CONTAINERS[container]
            if project != PROJECT or service == "elasticsearch":
                continue
            line = line_of(container, number)
            if line.startswith("{"):
                document = json.loads(line)
            else:
                document = {"@timestamp": time_of(number), "service.name": service, "message": line}
            documents[canonical(document)] += 1
    return documents


def canonical(document: dict[str, Any]) -> str:
    return json.dumps(document, ensure_ascii=False, sort_keys=True)


def verify(file: Path, first: int, last: int) -> int:
    arrived: Counter[str] = Counter()
    for line in file.read_text(encoding="utf-8").split("\n"):
        if line:
            kept = json.loads(line)
            if kept["_index"] != "logs-ai1c-default":
                print(f"a document went to {kept['_index']}")
                return 1
            arrived[canonical(kept["_source"])] += 1
    wanted = expected(first, last)
    missing, surplus = wanted - arrived, arrived - wanted
    for what, documents in (("missing", missing), ("more than once, changed or not wanted", surplus)):
        for document in list(documents)[:5]:
            print(f"{what}: {document}")
    print(f"{wanted.total()} lines wanted, {arrived.total()} documents, {missing.total()} missing, {surplus.total()} surplus")
    return 1 if missing or surplus else 0


def main(arguments: list[str]) -> int:
    match arguments:
        case ["write", folder, first, last]:
            write(Path(folder), int(first), int(last))
            return 0
        case ["expected", first, last]:
            print(expected(int(first), int(last)).total())
            return 0
        case ["verify", file, first, last]:
            return verify(Path(file), int(first), int(last))
        case _:
            print(__doc__, file=sys.stderr)
            return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
