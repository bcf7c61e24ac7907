"""The rules for Dockerfiles find what they are for."""

import unittest
from pathlib import Path

import dockerfile_rules

GOOD = """ARG BASE=debian:12
FROM ${BASE} AS build
SHELL ["/bin/bash", "-euo", "pipefail", "-c"]
RUN apt-get update; apt-get install -y --no-install-recommends gcc; \\
    ls | wc -l; \\
    rm -rf /var/lib/apt/lists/*
FROM scratch
COPY --from=build /x /x
USER 1001:1001
HEALTHCHECK --interval=30s CMD ["/x", "healthcheck"]
ENTRYPOINT ["/x"]
"""
FAULTS = {
    "latest": ("debian:12", "debian:latest"),
    "no tag": ("debian:12", "debian"),
    "root": ("USER 1001:1001\n", ""),
    "root by name": ("USER 1001:1001", "USER root"),
    "no health check": ('HEALTHCHECK --interval=30s CMD ["/x", "healthcheck"]\n', ""),
    "a health check by a shell": ('CMD ["/x", "healthcheck"]', "CMD /x healthcheck"),
    "an entry point by a shell": ('ENTRYPOINT ["/x"]', "ENTRYPOINT /x"),
    "lists stay": ("; \\\n    rm -rf /var/lib/apt/lists/*", ""),
    "recommended packages": (" --no-install-recommends", ""),
    "no pipefail": ('SHELL ["/bin/bash", "-euo", "pipefail", "-c"]\n', ""),
    "ADD": ("USER 1001:1001", "ADD https://example.org/y /y\nUSER 1001:1001"),
    "a secret": ("USER 1001:1001", "ENV API_KEY=1\nUSER 1001:1001"),
}


class Rules(unittest.TestCase):
    def test_a_good_file_has_no_fault(self) -> None:
        self.assertEqual(dockerfile_rules.faults_of(GOOD), [])

    def test_each_fault_is_found(self) -> None:
        for name, (old, new) in FAULTS.items():
            with self.subTest(name):
                self.assertIn(old, GOOD)
                self.assertEqual(len(dockerfile_rules.faults_of(GOOD.replace(old, new))), 1)

    def test_faults_of_the_real_file_are_found(self) -> None:
        text = (Path(__file__).resolve().parents[2] / "services/Dockerfile").read_text(encoding="utf-8")
        self.assertEqual(dockerfile_rules.faults_of(text), [])
        self.assertEqual(len(dockerfile_rules.faults_of(text.replace("USER 1001:1001\n", ""))), 7)
