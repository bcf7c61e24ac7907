"""The rules for Compose files find what they are for, in the real files with a fault planted."""

import copy
import unittest
from pathlib import Path
from typing import Any
from unittest import mock

import compose_rules

ROOT = Path(__file__).resolve().parents[3]
PLANTED: dict[str, dict[str, Any]] = {
    "logs without a limit": {"logging": {"driver": "json-file", "options": {"labels": "com.docker.compose.project,com.docker.compose.service"}}},
    "log lines do not tell": {"logging": {"driver": "json-file", "options": {"max-size": "1m", "max-file": "3"}}},
    "no-new-privileges": {"security_opt": []},
    "cap_drop": {"cap_drop": []},
    "adds NET_ADMIN": {"cap_add": ["NET_ADMIN"]},
    "privileged": {"privileged": True},
    "limits of cpus, memory, pids": {"deploy": {}},
    "is not pinned": {"image": "redis:latest"},
    "is not pinned ": {"image": "registry.example:5000/redis"},
    "can be written to": {"read_only": False},
    "no health check": {"healthcheck": {"disable": True}},
    "the Docker socket": {"volumes": [{"type": "bind", "source": "/var/run/docker.sock", "target": "/s", "read_only": True}]},
    "may write to": {"volumes": [{"type": "bind", "source": "/etc", "target": "/e"}]},
    "is published on 0.0.0.0": {"ports": [{"published": "6379", "host_ip": "0.0.0.0"}]},
    "is published on every address": {"ports": [{"published": "6379"}]},
    "runs as root": {"user": "root"},
    "pid of the machine": {"pid": "host"},
    "network_mode of the machine": {"network_mode": "host"},
    "has a value": {"environment": {"REDIS_PASSWORD": "x"}},
}


class Rules(unittest.TestCase):
    service: dict[str, Any]

    @classmethod
    def setUpClass(cls) -> None:
        cls.service = compose_rules.rendered([ROOT / "docker-compose.yml"])["services"]["redis"]

    def judge(self, service: dict[str, Any], name: str = "redis", production: bool = False) -> list[str]:
        judge = compose_rules.Judge()
        judge.service(name, service, production)
        return judge.faults

    def test_the_real_service_has_no_fault(self) -> None:
        self.assertEqual(self.judge(self.service), [])

    def test_each_fault_is_found(self) -> None:
        for fault, change in PLANTED.items():
            with self.subTest(fault):
                found = self.judge(copy.deepcopy(self.service) | change)
                self.assertTrue(any(fault.strip() in one for one in found), found)

    def test_nginx_alone_is_published_in_production(self) -> None:
        open_to_all = self.service | {"ports": [{"published": "443", "host_ip": "0.0.0.0"}]}
        self.assertEqual(self.judge(open_to_all, "nginx", True), [])
        self.assertEqual(len(self.judge(open_to_all, "nginx", False)), 1)
        self.assertEqual(len(self.judge(open_to_all, "redis", True)), 1)

    def test_a_reason_that_is_not_needed_is_a_fault(self) -> None:
        with mock.patch.object(compose_rules.reasons, "OF_SERVICES", {"read_only": {"redis": "none"}}):
            judge = compose_rules.Judge()
            judge.service("redis", self.service, False)
            judge.finish()
            self.assertEqual(judge.faults, ["redis: the reason for read_only is not needed any more"])

    def test_variables_are_compared_both_ways(self) -> None:
        with mock.patch.multiple(compose_rules.reasons, NOT_IN_COMPOSE={"OLD": ""}, NOT_IN_EXAMPLE={}):
            found = compose_rules.faults_of_variables("A=\n# B=1\n", ["x: ${A:-1}\n    C:\n# ${IN_A_COMMENT}\n"])
        wanted = [
            "B is in .env.example but in no Compose file",
            "C is in a Compose file but not in .env.example",
            "OLD: its reason in NOT_IN_COMPOSE is not needed any more",
        ]
        self.assertEqual(found, wanted)
