#!/usr/bin/env python3
"""Rules of ours for Dockerfiles, beyond what hadolint and checkov know.

    dockerfile_rules.py FILE...

Every image that is meant to run (a last stage, or one that nothing is built on) has a numeric user that
is not root, a health check in exec form and an entry point in exec form; every base that is not a stage
is pinned to a tag other than latest, also when an argument names it; nothing is fetched by ADD; lists of
packages are removed in the layer that fetched them; a shell that runs pipes fails when a part fails;
secrets never come as ARG or ENV.
"""

from __future__ import annotations

import json
import re
import sys
from dataclasses import dataclass, field
from pathlib import Path

SECRET_NAME = re.compile(r"(?i)(password|passwd|secret|token|api_?key|private_?key)")
# Only files come out of it; it never runs.
NOT_RUN = {"sbom"}


@dataclass
class Instruction:
    line: int
    word: str
    rest: str


@dataclass
class Stage:
    name: str
    base: str
    line: int
    instructions: list[Instruction] = field(default_factory=list)


def instructions_of(text: str) -> list[Instruction]:
    """Logical lines: comments left out, continued lines joined."""
    found: list[Instruction] = []
    parts: list[str] = []
    start = 0
    for number, line in enumerate(text.splitlines(), 1):
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        if not parts:
            start = number
        parts.append(stripped.removesuffix("\\").strip())
        if not stripped.endswith("\\"):
            word, _, rest = " ".join(parts).partition(" ")
            found.append(Instruction(start, word.upper(), rest.strip()))
            parts = []
    return found


def stages_of(instructions: list[Instruction]) -> tuple[dict[str, str], list[Stage]]:
    """The arguments before the first stage, with their defaults, and the stages."""
    arguments: dict[str, str] = {}
    stages: list[Stage] = []
    for instruction in instructions:
        if instruction.word == "ARG" and not stages:
            name, _, default = instruction.rest.partition("=")
            arguments[name] = default
        elif instruction.word == "FROM":
            words = [word for word in instruction.rest.split() if not word.startswith("--")]
            name = words[2].lower() if len(words) >= 3 and words[1].upper() == "AS" else f"stage {len(stages)}"
            stages.append(Stage(name, words[0], instruction.line))
        elif stages:
            stages[-1].instructions.append(instruction)
    return arguments, stages


def with_defaults(text: str, arguments: dict[str, str]) -> str:
    return re.sub(r"\$\{(\w+)\}|\$(\w+)", lambda m: arguments.get(m[1] or m[2], m[0]), text)


def faults_of_base(stage: Stage, arguments: dict[str, str], names: set[str]) -> list[str]:
    base = with_defaults(stage.base, arguments)
    if base == "scratch" or base.lower() in names:
        return []
    tag = base.rsplit("/", 1)[-1].partition("@")[0].partition(":")[2]
    if "@sha256:" in base or (tag and tag != "latest" and "$" not in base):
        return []
    return [f"{stage.line}: the base {base} is not pinned to a version"]


def exec_form(text: str) -> bool:
    try:
        return isinstance(json.loads(text), list)
    except ValueError:
        return False


def inherited(stage: Stage, word: str, by_name: dict[str, Stage]) -> str | None:
    """The last such instruction of the stage or of the stages it is built on."""
    current: Stage | None = stage
    while current is not None:
        own = [instruction.rest for instruction in current.instructions if instruction.word == word]
        if own:
            return own[-1]
        current = by_name.get(current.base.lower())
    return None


def faults_of_image(stage: Stage, by_name: dict[str, Stage]) -> list[str]:
    faults = []
    user = inherited(stage, "USER", by_name)
    if user is None or not re.fullmatch(r"[1-9]\d*(:[1-9]\d*)?", user):
        faults.append(f"{stage.line}: {stage.name} runs as {user or 'root'}; a number other than 0 is wanted")
    health = inherited(stage, "HEALTHCHECK", by_name)
    command = re.sub(r"^(--\S+\s+)*", "", health or "")
    if not command.startswith("CMD ") or not exec_form(command.removeprefix("CMD ")):
        faults.append(f"{stage.line}: {stage.name} has no health check in exec form")
    if not exec_form(inherited(stage, "ENTRYPOINT", by_name) or ""):
        faults.append(f"{stage.line}: {stage.name} has no entry point in exec form")
    return faults


def faults_of_steps(stage: Stage, by_name: dict[str, Stage]) -> list[str]:
    faults = []
    shell = inherited(stage, "SHELL", by_name) or ""
    for instruction in stage.instructions:
        where = f"{instruction.line}: "
        if instruction.word == "ADD":
            faults.append(where + "ADD fetches and unpacks by itself; COPY does neither")
        if instruction.word in ("ARG", "ENV") and SECRET_NAME.search(instruction.rest.partition("=")[0]):
            faults.append(where + f"{instruction.word} {instruction.rest.partition('=')[0]} stays in the image's history")
        if instruction.word != "RUN":
            continue
        script = instruction.rest
        if "apt-get update" in script and "rm -rf /var/lib/apt/lists" not in script:
            faults.append(where + "the lists of packages stay in the layer")
        if "apt-get install" in script and "--no-install-recommends" not in script:
            faults.append(where + "packages that are only recommended are installed too")
        if re.search(r"(?<!\|)\|(?!\|)", re.sub(r"'[^']*'|\"[^\"]*\"", "", script)) and "pipefail" not in shell + script:
            faults.append(where + "a pipe in a shell without pipefail")
        if re.search(r"\bsudo\b", script):
            faults.append(where + "sudo")
    return faults


def faults_of(text: str) -> list[str]:
    arguments, stages = stages_of(instructions_of(text))
    by_name = {stage.name: stage for stage in stages}
    built_on = {stage.base.lower() for stage in stages}
    copied_from = set(re.findall(r"--from=(\S+)", text))
    faults: list[str] = []
    for stage in stages:
        faults += faults_of_base(stage, arguments, set(by_name))
        faults += faults_of_steps(stage, by_name)
        if stage.name not in built_on | copied_from | NOT_RUN:
            faults += faults_of_image(stage, by_name)
    if not stages:
        faults.append("0: there is no FROM")
    return faults


def main(files: list[str]) -> int:
    if not files or files == ["--help"]:
        print(__doc__)
        return 0 if files else 2
    found = [f"{file}:{fault}" for file in files for fault in faults_of(Path(file).read_text(encoding="utf-8"))]
    print("\n".join(found) if found else f"dockerfile_rules: {len(files)} files, no fault")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
