"""The judge of log lines finds what it is for."""

import unittest

import ecs_lines

GOOD = (
    '{"@timestamp":"2026-11-24T18:00:00.123Z","ecs.version":"8.11.0","event.duration":1234,"log.level":"info",'
    '"message":"GET /x 200","service.name":"gateway","labels.route":"/x","http":{"response":{"status_code":200}}}'
)
FAULTS = {
    "is not a field of ECS": ('"event.duration"', '"event.length"'),
    "is not a field of ECS ": ('"labels.route"', '"route"'),
    "is not a whole number": ("1234", '"1234"'),
    "is not a whole number ": ("1234", "true"),
    "is not a whole number  ": ("1234", "1.5"),
    "is not text": ('"/x"', "7"),
    "is not a time": ("2026-11-24T18:00:00.123Z", "24.11.2026"),
    "`message` is missing": ('"message":"GET /x 200",', ""),
    "`ecs.version` is missing": ('"ecs.version":"8.11.0",', ""),
    "`log.level`": ('"info"', '"INFO"'),
    "`service.name` is 'analytics'": ('"gateway"', '"analytics"'),
    "is twice in it": ('"log.level":"info"', '"log.level":"info","log.level":"warn"'),
    "is a list": ('"log.level":"info"', '"log.level":"info","user.id":["a"]'),
    "is not one JSON object": ("{", "x{"),
    "holds the password": ("GET /x 200", "hunter2"),
    "holds what looks like a secret": ("GET /x 200", "redis://user:pass@redis:6379/"),
    "holds what looks like a secret ": ("GET /x 200", "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiIwMWEyIn0"),
}


class Judge(unittest.TestCase):
    def judge(self, line: str) -> list[str]:
        return ecs_lines.faults_of_line(line, "gateway", ecs_lines.known_fields(), [("the password", "hunter2")])

    def test_a_good_line_has_no_fault(self) -> None:
        self.assertEqual(self.judge(GOOD), [])

    def test_each_fault_is_found(self) -> None:
        for fault, (old, new) in FAULTS.items():
            with self.subTest(fault):
                self.assertIn(old, GOOD)
                found = self.judge(GOOD.replace(old, new, 1))
                self.assertTrue(any(fault.strip() in one for one in found), found)
