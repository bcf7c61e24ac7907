"""The programs that static.sh runs, with its settings, find what they are for."""

import os
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
BIN = Path(os.environ.get("CHECKS_BIN", ROOT / "target/checks-venv/bin"))
WORKFLOW = """name: x
on: {pull_request_target: }
permissions: write-all
jobs:
  x:
    runs-on: ubuntu-24.04
    steps:
      - uses: actions/checkout@main
      - run: echo ${{ github.event.pull_request.title }}
"""


class Tools(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        for name in (".yamllint", ".checkov.yml"):
            shutil.copy(ROOT / name, self.folder)

    def run_tool(self, *command: str) -> tuple[int, str]:
        done = subprocess.run(command, cwd=self.folder, capture_output=True, text=True, timeout=300)
        return done.returncode, done.stdout + done.stderr

    def write(self, name: str, text: str) -> str:
        file = self.folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        return name

    def test_shellcheck(self) -> None:
        status, said = self.run_tool("shellcheck", "-x", self.write("a.sh", "#!/bin/sh\nrm -rf $1/*\n"))
        self.assertEqual(status, 1)
        self.assertIn("SC2086", said)

    def test_yamllint(self) -> None:
        status, said = self.run_tool(str(BIN / "yamllint"), "--strict", self.write("a.yml", "a: 1\na: 2\n"))
        self.assertEqual(status, 1)
        self.assertIn("duplication of key", said)

    def test_hadolint(self) -> None:
        status, said = self.run_tool(str(BIN / "hadolint"), self.write("Dockerfile", "FROM debian:12\nRUN cd /tmp && sudo ls\n"))
        self.assertEqual(status, 1)
        self.assertIn("DL3004", said)

    def test_the_schema_of_workflows(self) -> None:
        self.write("w.yml", WORKFLOW.replace("runs-on", "runs-in"))
        status, said = self.run_tool(str(BIN / "check-jsonschema"), "--builtin-schema", "vendor.github-workflows", "w.yml")
        self.assertEqual(status, 1, said)

    def test_zizmor(self) -> None:
        self.write(".github/workflows/w.yml", WORKFLOW)
        status, said = self.run_tool(str(BIN / "zizmor"), "--offline", "--no-progress", "--min-severity", "medium", ".github/workflows")
        self.assertNotEqual(status, 0)
        for finding in ("template-injection", "dangerous-triggers", "unpinned-uses"):
            self.assertIn(finding, said)

    def test_checkov(self) -> None:
        self.write(".github/workflows/w.yml", WORKFLOW)
        self.write("Dockerfile", "FROM debian:12\nRUN true\n")
        # A password that was never one, in two parts, so that this file does not hold it.
        self.write("settings.yml", 'password: "k3uJ9dQ2' + 'vXw8RtYp5LsBn7Mz4HgFc6Ta1EoKi0Ux"\n')
        status, said = self.run_tool(str(BIN / "checkov"), "--config-file", ".checkov.yml", "--directory", ".")
        self.assertEqual(status, 1)
        for finding in ("CKV_DOCKER_3", "CKV2_GHA_1", "CKV_SECRET"):
            self.assertIn(finding, said)
