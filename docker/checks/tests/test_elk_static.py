"""The check of the log configuration finds faults planted in a copy of it."""

import shutil
import tempfile
import unittest
from pathlib import Path

import elk_static
import rust_log_fields

ROOT = Path(__file__).resolve().parents[3]
ELK = "docker/monitoring/elk"
PLANTED = [
    ("an id twice", f"{ELK}/filebeat.yml", "    id: ai1c-containers\n", ""),
    ("parsers in the wrong order", f"{ELK}/filebeat.yml", "- container:", "- multiline:"),
    ("no fingerprint", f"{ELK}/filebeat.yml", "    file_identity.fingerprint: ~\n", ""),
    ("another index", f"{ELK}/filebeat.yml", "index: logs-ai1c-default", "index: filebeat"),
    ("templates by Filebeat", f"{ELK}/filebeat.yml", "setup.template.enabled: false", "setup.template.enabled: true"),
    ("a variable that nothing sets", f"{ELK}/filebeat.yml", "${FILEBEAT_PASSWORD}", "${ELASTIC_PASSWORD}"),
    ("a label the driver does not write", f"{ELK}/filebeat.yml", "from: docker.attrs.com.docker.compose.service", "from: docker.attrs.com.docker.compose.oneoff"),
    ("invalid JSON", f"{ELK}/elasticsearch/ilm-policy.json", "{", "", ),
    ("kept for a year", f"{ELK}/elasticsearch/ilm-policy.json", '"30d"', '"365d"'),
    ("a low priority", f"{ELK}/elasticsearch/index-template.json", "500", "100"),
    ("a shipper that may delete", f"{ELK}/elasticsearch/shipper-role.json", '"create_doc"', '"all"'),
    ("a wrong type", f"{ELK}/elasticsearch/component-mappings.json", '"duration": {"type": "long"}', '"duration": {"type": "keyword"}'),
    ("a field that is not mapped", f"{ELK}/elasticsearch/component-mappings.json", '"duration": {"type": "long"}', '"length": {"type": "long"}'),
    ("dynamic mapping", f"{ELK}/elasticsearch/component-mappings.json", '"dynamic": false', '"dynamic": true'),
    ("a component that is not put", f"{ELK}/setup.sh", "/_component_template/ai1c-logs-mappings ", "/_component_template/x "),
    ("a broken pattern", f"{ELK}/elasticsearch/ingest-pipeline.json", "WARNING|LOG|ERROR", "WARNING|ERROR"),
    ("a wrong level", f"{ELK}/elasticsearch/ingest-pipeline.json", "ctx.log?.level == 'warning' || ", ""),
    ("names with dots stay", f"{ELK}/elasticsearch/ingest-pipeline.json", '    {"dot_expander": {"field": "*", "override": true}},\n', ""),
    ("an unknown processor", f"{ELK}/elasticsearch/ingest-pipeline.json", '{"lowercase"', '{"uppercase"'),
    ("settings that Kibana refuses", f"{ELK}/kibana/kibana.yml", "telemetry.optIn: false\n", "telemetry.optIn: false\ntelemetry.allowChangingOptInStatus: false\n"),
    ("a view of other indices", f"{ELK}/kibana/objects.ndjson", '"title": "logs-ai1c-*"', '"title": "filebeat-*"'),
    ("a search of a field that is not there", f"{ELK}/kibana/objects.ndjson", "event.duration >=", "event.took >="),
    ("a missing search", f"{ELK}/kibana/objects.ndjson", '"id": "ai1c-errors"', '"id": "ai1c-other"'),
    ("a dangling reference", f"{ELK}/kibana/objects.ndjson", '"type": "index-pattern", "id": "ai1c-logs"', '"type": "index-pattern", "id": "other"'),
    ("a field of no ECS in the source", "crates/gateway/src/upstream.rs", "labels.upstream", "upstream"),
]


def faults(root: Path) -> list[str]:
    checker = elk_static.Checker(root)
    for check in (checker.filebeat, checker.templates, checker.mappings, checker.source, checker.pipeline, checker.kibana):
        try:
            check()
        except Exception as error:  # noqa: BLE001 - main() names them; here any of them is a finding
            checker.faults.append(repr(error))
    return checker.faults


class Planted(unittest.TestCase):
    def test_each_fault_is_found(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder)
            shutil.copytree(ROOT / ELK, root / ELK)
            shutil.copy(ROOT / "docker-compose.yml", root)
            for crate in ["common", *elk_static.SERVICES]:
                shutil.copytree(ROOT / "crates" / crate / "src", root / "crates" / crate / "src")
            self.assertEqual(faults(root), [])
            for name, file, old, new in PLANTED:
                with self.subTest(name):
                    text = (root / file).read_text(encoding="utf-8")
                    self.assertIn(old, text)
                    (root / file).write_text(text.replace(old, new, 1), encoding="utf-8")
                    self.assertNotEqual(faults(root), [])
                    (root / file).write_text(text, encoding="utf-8")


class Source(unittest.TestCase):
    def test_fields_of_a_call_are_read(self) -> None:
        source = '''
            tracing::warn!(error = %Chain(&error), labels.model = m.name(a, "x,y"), lost, %shown, "text {a}, {b}", extra);
            let span = tracing::info_span!("request", request_id = %id);
            println!("no = {field}");
        '''
        self.assertEqual([name for _, name in rust_log_fields.fields_of(source)], ["error", "labels.model", "lost", "shown", "request_id"])
