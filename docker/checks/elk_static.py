#!/usr/bin/env python3
"""Checks the configuration of Filebeat, Elasticsearch and Kibana without any of them.

    elk_static.py [--root DIR]

The files are well formed and fit together: names, the data stream, users and privileges; every field that
our log lines can have is mapped with its ECS type; searches use fields that exist and find what they are
for; the pipeline turns real lines of PostgreSQL, Redis and nginx into ECS. No Elastic program is run.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from pathlib import Path
from typing import Any

import ecs_lines
import ingest_lines
import rust_log_fields
import yaml

SERVICES = ["gateway", "ai-assistant", "onec-integration", "user-management", "analytics", "security"]
DATA_STREAM = "logs-ai1c-default"
# Added by Filebeat, not of ECS.
OF_FILEBEAT = {"log.offset": "long", "log.file.fingerprint": "keyword", "input.type": "keyword", "stream": "keyword"}
FIELD_IN_QUERY = re.compile(r"([@\w.]+)\s*(?::|>=|<=|>|<)")
# (service, line, fields it must get)
PLAIN_LINES: list[tuple[str, str, dict[str, Any]]] = [
    (
        "postgres_ai",
        "2026-11-24 18:00:00.123 UTC [71] ai_user@ai 172.18.0.5 ERROR:  повторяющееся значение ключа нарушает ограничение\tDETAIL",
        {"@timestamp": "2026-11-24T18:00:00.123Z", "log.level": "error", "process.pid": 71, "user.name": "ai_user",
         "labels.database": "ai", "labels.peer": "172.18.0.5", "event.dataset": "postgresql.log"},
    ),
    (
        "postgres_1c",
        "2026-11-24 18:00:00.123 UTC [1] @ LOG:  database system is ready to accept connections",
        {"log.level": "info", "process.pid": 1, "message": "database system is ready to accept connections"},
    ),
    (
        "postgres_1c",
        "2026-11-24 18:00:00.123 UTC [88] 1c_user@onec 172.18.0.5 WARNING:  первая строка\nвторая строка",
        {"log.level": "warn", "message": "первая строка\nвторая строка"},
    ),
    (
        "postgres_user",
        "2026-11-24 18:00:00.123 UTC [9] postgres@postgres [local]FATAL:  no",
        {"log.level": "fatal", "labels.peer": "[local]", "message": "no"},
    ),
    (
        "redis",
        "1:M 24 Nov 2026 18:00:00.123 # WARNING Memory overcommit must be enabled!",
        {"@timestamp": "2026-11-24T18:00:00.123Z", "log.level": "warn", "process.pid": 1, "labels.role": "M",
         "message": "WARNING Memory overcommit must be enabled!", "event.dataset": "redis.log"},
    ),
    ("redis", "1:M 24 Nov 2026 18:00:00.123 * Ready to accept connections tcp", {"log.level": "info"}),
    (
        "nginx",
        "2026/11/24 18:00:00 [error] 29#29: *17 connect() failed (111: Connection refused) while connecting to upstream",
        {"@timestamp": "2026-11-24T18:00:00.000Z", "log.level": "error", "process.pid": 29, "labels.connection": "17",
         "event.dataset": "nginx.error"},
    ),
    ("nginx", "2026/11/24 18:00:00 [emerg] 1#1: host not found in upstream", {"log.level": "fatal"}),
    ("prometheus", "ts=2026-11-24 level=info msg=ready", {"log.level": "info", "ecs.version": "8.11.0"}),
]


class Checker:
    def __init__(self, root: Path) -> None:
        self.root = root
        self.elk = root / "docker/monitoring/elk"
        self.faults: list[str] = []
        self.fields = ecs_lines.known_fields(self.elk / "ecs-fields.json")

    def expect(self, holds: Any, fault: str) -> None:
        if not holds:
            self.faults.append(fault)

    def json(self, name: str) -> Any:
        try:
            return ecs_lines.parse((self.elk / "elasticsearch" / name).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            self.faults.append(f"{name}: {error}")
            return {}

    def filebeat(self) -> None:
        text = (self.elk / "filebeat.yml").read_text(encoding="utf-8")
        config = yaml.safe_load(text)
        inputs = config["filebeat.inputs"]
        ids = [entry.get("id") for entry in inputs]
        self.expect(all(ids) and len(set(ids)) == len(ids), "filebeat: every input needs an id of its own")
        for entry in inputs:
            kinds = [next(iter(parser)) for parser in entry.get("parsers", [])]
            self.expect(entry["type"] == "filestream", f"filebeat: {entry['id']} is not a filestream")
            self.expect(kinds == ["container", "ndjson"], f"filebeat: parsers are {kinds}, not container, then ndjson")
            self.expect("file_identity.fingerprint" in entry, "filebeat: files are not known by their fingerprint")
            self.expect(entry.get("prospector.scanner.fingerprint", {}).get("enabled"), "filebeat: fingerprints are off")
            processors = json.dumps(entry.get("processors", []))
            self.expect("docker.attrs.com.docker.compose.project" in processors, "filebeat: other projects' containers are kept")
            self.expect("@metadata._id" in processors, "filebeat: documents have no id, so repeats are stored twice")
        output = config["output.elasticsearch"]
        self.expect(output.get("index") == DATA_STREAM, f"filebeat: writes to {output.get('index')}, not {DATA_STREAM}")
        for switch in ("setup.template.enabled", "setup.ilm.enabled"):
            self.expect(config.get(switch) is False, f"filebeat: {switch} is not off; the job puts these")
        self.expect("docker.sock" not in text, "filebeat: reaches for the Docker socket")
        self.expect("${" in str(output.get("password")), "filebeat: the password is written in the file")
        names = set(re.findall(r'"[^"]*"|com\.docker\.compose\.\w+', text))
        compose = yaml.safe_load((self.root / "docker-compose.yml").read_text(encoding="utf-8"))
        labels = set(compose["x-logging"]["options"]["labels"].split(","))
        used = {name for name in names if name.startswith("com.docker.")}
        self.expect(used <= labels, f"filebeat: {sorted(used - labels)} are not among the labels of x-logging")
        for variable in re.findall(r"\$\{(\w+)\}", text):
            service = compose["services"]["filebeat"]
            given = {**service.get("environment", {}), **{a.split("=")[0]: 1 for a in service["entrypoint"] if "=" in a}}
            self.expect(variable in given, f"filebeat: nothing sets {variable}")

    def templates(self) -> None:
        index = self.json("index-template.json")
        settings = self.json("component-settings.json")["template"]["settings"]["index"]
        policy = self.json("ilm-policy.json")["policy"]["phases"]
        role = self.json("shipper-role.json")
        setup = (self.elk / "setup.sh").read_text(encoding="utf-8")
        self.expect("data_stream" in index, "index template: not of a data stream")
        self.expect(index["priority"] > 200, "index template: the built-in one of logs-*-* (100) or an integration (200) may win")
        self.expect(index["index_patterns"] == ["logs-ai1c-*"], "index template: does not fit the data stream")
        for name in index["composed_of"]:
            self.expect(f"/_component_template/{name} " in setup, f"setup.sh does not put the component {name}")
        for kind, name in (("_ilm/policy", settings["lifecycle"]["name"]), ("_ingest/pipeline", settings["default_pipeline"])):
            self.expect(f"/{kind}/{name} " in setup, f"setup.sh does not put {kind}/{name}")
        self.expect(f"data_stream={DATA_STREAM}" in setup, "setup.sh makes another data stream")
        self.expect("rollover" in policy["hot"]["actions"], "lifecycle: no roll-over")
        self.expect(policy["delete"]["min_age"] == "30d", "lifecycle: not deleted after 30 days")
        privileges = role["indices"][0]["privileges"]
        self.expect(set(privileges) <= {"create_doc", "auto_configure"}, f"the shipper may do more than add lines: {privileges}")

    def mappings(self) -> None:
        mappings = self.json("component-mappings.json")["template"]["mappings"]
        mapped = dict(mapped_fields(mappings["properties"]))
        self.expect(mappings.get("dynamic") in (False, "false"), "mappings: unknown names would become fields")
        wanted = {name: field["type"] for name, field in self.fields.items()} | OF_FILEBEAT
        for name, kind in wanted.items():
            self.expect(name in mapped, f"mappings: {name} is missing")
            self.expect(mapped.get(name, kind) == kind, f"mappings: {name} is {mapped.get(name)}, in ECS {kind}")
        for name in mapped.keys() - wanted.keys():
            self.faults.append(f"mappings: {name} is neither of ECS nor of Filebeat")
        labels = mappings["dynamic_templates"][0]["labels"]
        self.expect("labels.*" in labels["path_match"] and labels["mapping"]["type"] == "keyword", "mappings: labels are not keywords")

    def source(self) -> None:
        names = list(rust_log_fields.fields_of_services(self.root, ["common", *SERVICES]))
        self.expect(len(names) > 30, f"only {len(names)} log fields were found in the source; the search is broken")
        for place, name in names:
            ecs = name in self.fields or re.fullmatch(r"labels\.\w+", name)
            self.expect(ecs, f"{place}: the log field {name} is not of ECS; call it labels.{name.replace('.', '_')}")

    def pipeline(self) -> None:
        pipeline = self.json("ingest-pipeline.json")
        for service, line, wanted in PLAIN_LINES:
            document = ingest_lines.run(pipeline, {"@timestamp": "before", "message": line, "service.name": service})
            for name, value in wanted.items():
                got = document.get(name) if name.startswith("@") else ingest_lines.get(document, name)
                self.expect(got == value, f"pipeline: {service}: {name} is {got!r}, not {value!r}: {line}")
            for name, value in ecs_lines.leaves(document):
                if name != "@timestamp" and (fault := ecs_lines.faults_of_field(name, value, self.fields)):
                    self.faults.append(f"pipeline: {service}: {name} {fault}")
        ours = {"@timestamp": "t", "message": "m", "ecs": {"version": "8.11.0"}, "log": {"level": "warn"}, "service": {"name": "redis"}}
        # Filebeat sends objects, rsyslog sends names with dots.
        for shipped in (ours, dict(ecs_lines.leaves(ours))):
            after = ingest_lines.run(pipeline, json.loads(json.dumps(shipped)))
            after.pop("event")
            self.expect(after == ours, f"pipeline: changes a line that is ECS already: {after}")

    def kibana(self) -> None:
        settings = yaml.safe_load((self.elk / "kibana/kibana.yml").read_text(encoding="utf-8"))
        # Kibana's schema refuses to start with both.
        both = settings.get("telemetry.optIn") is False and settings.get("telemetry.allowChangingOptInStatus") is False
        self.expect(not both, "kibana: telemetry.optIn cannot be false where it may not be changed")
        self.expect("${" in str(settings["elasticsearch.password"]), "kibana: the password is written in the file")
        lines = (self.elk / "kibana/objects.ndjson").read_text(encoding="utf-8").splitlines()
        objects = [ecs_lines.parse(line) for line in lines]
        ids = [(entry["type"], entry["id"]) for entry in objects]
        self.expect(len(set(ids)) == len(ids), "kibana: an id is twice")
        views = [entry for entry in objects if entry["type"] == "index-pattern"]
        self.expect([view["attributes"]["title"] for view in views] == ["logs-ai1c-*"], "kibana: the data view is not of our data stream")
        self.expect(all(view["attributes"]["timeFieldName"] == "@timestamp" for view in views), "kibana: no time field")
        found: set[str] = set()
        for entry in objects:
            for reference in entry["references"]:
                self.expect((reference["type"], reference["id"]) in ids, f"kibana: {entry['id']} refers to {reference['id']}, which is not there")
            if entry["type"] == "search":
                query = json.loads(entry["attributes"]["kibanaSavedObjectMeta"]["searchSourceJSON"])["query"]["query"]
                used = set(FIELD_IN_QUERY.findall(re.sub(r'"[^"]*"', "", query))) | set(entry["attributes"]["columns"])
                for name in sorted(used):
                    known = name in self.fields or name.startswith("labels.")
                    self.expect(known, f"kibana: {entry['id']} uses {name}, which no line has")
                found |= set(re.findall(r'service\.name : "([^"]+)"', query))
        self.expect(set(SERVICES) <= found, f"kibana: no search for {sorted(set(SERVICES) - found)}")
        for needed in ("ai1c-errors", "ai1c-slow", "ai1c-request", "ai1c-auth"):
            self.expect(("search", needed) in ids, f"kibana: the search {needed} is missing")


def mapped_fields(properties: dict[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for name, mapping in properties.items():
        if "type" in mapping:
            found.append((prefix + name, mapping["type"]))
        found += mapped_fields(mapping.get("properties", {}), f"{prefix}{name}.")
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, default=Path(__file__).resolve().parents[2])
    checker = Checker(parser.parse_args().root)
    for check in (checker.filebeat, checker.templates, checker.mappings, checker.source, checker.pipeline, checker.kibana):
        try:
            check()
        except (AttributeError, KeyError, IndexError, TypeError, ValueError, OSError, yaml.YAMLError, ingest_lines.Unknown) as error:
            checker.faults.append(f"{check.__name__}: {type(error).__name__}: {error}")
    print("\n".join(checker.faults) if checker.faults else "elk_static: no fault")
    return 1 if checker.faults else 0


if __name__ == "__main__":
    sys.exit(main())
