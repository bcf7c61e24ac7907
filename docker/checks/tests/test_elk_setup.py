"""setup.sh against servers that answer as Elasticsearch and Kibana do: what is put, in which order, that it
can be repeated, that it waits for health, and that it stops at a refusal."""

import base64
import json
import os
import subprocess
import tempfile
import threading
import unittest
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

SETUP = Path(__file__).resolve().parents[2] / "monitoring/elk/setup.sh"
AUTHORIZATION = "Basic " + base64.b64encode(b"elastic:elastic_password").decode()


class Server(ThreadingHTTPServer):
    """Remembers requests; `unhealthy` health requests are refused first, `refused` paths always."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[tuple[str, str]] = []
        self.bodies: dict[str, bytes] = {}
        self.unhealthy = 0
        self.refused = ""
        self.template: str | None = None
        self.imported = True


class Handler(BaseHTTPRequestHandler):
    server: Server

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the base's
        """Silence."""

    def answer(self, status: int, body: str = '{"acknowledged":true}') -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body.encode())))
        self.end_headers()
        self.wfile.write(body.encode())

    def handle_any(self) -> None:
        path = self.path.split("?")[0]
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.headers.get("Authorization") != AUTHORIZATION:
            return self.answer(401)
        if path in ("/_cluster/health", "/api/status") and self.server.unhealthy:
            self.server.unhealthy -= 1
            return self.answer(503)
        self.server.asked.append((self.command, path))
        self.server.bodies[path] = body
        if self.server.refused and self.server.refused in path:
            return self.answer(400, '{"error":"on request"}')
        if self.command == "GET" and path.startswith("/_data_stream/"):
            if self.server.template is None:
                return self.answer(404)
            return self.answer(200, json.dumps({"data_streams": [{"template": self.server.template}]}, separators=(",", ":")))
        if self.command == "PUT" and path.startswith("/_data_stream/"):
            self.server.template = "ai1c-logs"
        if path == "/api/saved_objects/_import":
            return self.answer(200, json.dumps({"success": self.server.imported}, separators=(",", ":")))
        return self.answer(200)

    do_GET = do_PUT = do_POST = handle_any


class Setup(unittest.TestCase):
    def setUp(self) -> None:
        self.server = Server()
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        self.addCleanup(self.server.server_close)
        self.addCleanup(self.server.shutdown)
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.secrets = Path(folder.name)
        for name in ("elastic_password", "kibana_password", "filebeat_password"):
            (self.secrets / name).write_text(name + "\n", encoding="utf-8")

    def run_setup(self, what: str, wait: int = 10) -> subprocess.CompletedProcess[str]:
        url = f"http://127.0.0.1:{self.server.server_address[1]}"
        environment = {**os.environ, "ELASTICSEARCH_URL": url, "KIBANA_URL": url, "SECRETS_FOLDER": str(self.secrets), "WAIT_SECONDS": str(wait)}
        return subprocess.run([str(SETUP), what], env=environment, capture_output=True, text=True, timeout=60)

    def test_everything_is_put_in_an_order_in_which_it_exists(self) -> None:
        self.server.unhealthy = 2
        done = self.run_setup("elasticsearch")
        self.assertEqual(done.returncode, 0, done.stderr)
        paths = [path for _, path in self.server.asked]
        wanted = [
            "/_cluster/health", "/_ilm/policy/ai1c-logs", "/_ingest/pipeline/ai1c-logs", "/_component_template/ai1c-logs-mappings",
            "/_component_template/ai1c-logs-settings", "/_index_template/ai1c-logs", "/_data_stream/logs-ai1c-default",
            "/_data_stream/logs-ai1c-default", "/_security/role/ai1c_shipper", "/_security/user/ai1c_shipper", "/_security/user/kibana_system/_password",
        ]
        self.assertEqual(paths, wanted)
        bodies = [body for path, body in self.server.bodies.items() if body]
        self.assertGreaterEqual(len(bodies), 8)
        for body in bodies:
            json.loads(body)
        self.assertEqual(json.loads(self.server.bodies["/_security/user/kibana_system/_password"]), {"password": "kibana_password"})
        self.assertNotIn("password\"", done.stdout + done.stderr)

    def test_it_can_be_repeated(self) -> None:
        self.run_setup("elasticsearch")
        self.server.asked.clear()
        done = self.run_setup("elasticsearch")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertNotIn(("PUT", "/_data_stream/logs-ai1c-default"), self.server.asked)
        self.assertNotIn(("POST", "/logs-ai1c-default/_rollover"), self.server.asked)

    def test_a_stream_of_another_template_rolls_over(self) -> None:
        self.server.template = "logs"
        self.assertEqual(self.run_setup("elasticsearch").returncode, 0)
        self.assertIn(("POST", "/logs-ai1c-default/_rollover"), self.server.asked)

    def test_it_stops_at_a_refusal(self) -> None:
        self.server.refused = "_index_template"
        done = self.run_setup("elasticsearch")
        self.assertEqual(done.returncode, 1)
        self.assertIn("the index template: HTTP 400", done.stderr)
        self.assertNotIn("/_security/role/ai1c_shipper", [path for _, path in self.server.asked])

    def test_a_wrong_password_is_said_at_once(self) -> None:
        (self.secrets / "elastic_password").write_text("wrong-password", encoding="utf-8")
        done = self.run_setup("elasticsearch", wait=60)
        self.assertEqual(done.returncode, 1)
        self.assertIn("refuses the password", done.stderr)

    def test_waiting_ends(self) -> None:
        self.server.unhealthy = 1000
        done = self.run_setup("elasticsearch", wait=2)
        self.assertEqual(done.returncode, 1)
        self.assertIn("not healthy within 2 s", done.stderr)

    def test_a_secret_that_would_need_escaping_is_refused(self) -> None:
        (self.secrets / "kibana_password").write_text('a"b\\cdef', encoding="utf-8")
        done = self.run_setup("elasticsearch")
        self.assertEqual(done.returncode, 1)
        self.assertIn("kibana_password must be", done.stderr)

    def test_kibana_gets_every_object(self) -> None:
        done = self.run_setup("kibana")
        self.assertEqual(done.returncode, 0, done.stderr)
        sent = self.server.bodies["/api/saved_objects/_import"]
        self.assertIn((SETUP.parent / "kibana/objects.ndjson").read_bytes(), sent)

    def test_objects_that_kibana_refused_are_noticed(self) -> None:
        self.server.imported = False
        self.assertEqual(self.run_setup("kibana").returncode, 1)
