#!/usr/bin/env python3
"""A stand-in for Elasticsearch's bulk interface, for tests of what ships logs to it.

It keeps documents in a file, so that a restart of the sink forgets nothing; answers 201 to a new id and
409 to one it has, as a data stream does; and refuses on request: whole requests (503) and single
documents (429), each once, to see them sent again.

    bulk_sink.py --port 9210 --documents FILE [--refuse-requests N] [--refuse-documents N]

GET /_sink/stats tells the counts.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

Reply = tuple[int, dict[str, Any]]


class Store:
    """Documents by id, and how often what was answered."""

    def __init__(self, file: Path, refuse_requests: int, refuse_documents: int) -> None:
        self._lock = threading.Lock()
        self._file = file
        self._ids: set[str] = set()
        self._refuse_requests = refuse_requests
        self._refuse_documents = refuse_documents
        self.stats = {"requests": 0, "created": 0, "conflicts": 0, "refused_requests": 0, "refused_documents": 0, "faults": 0}
        if file.exists():
            # Not splitlines(): a text may hold U+2028.
            for line in file.read_text(encoding="utf-8").split("\n"):
                if line:
                    self._ids.add(json.loads(line)["_id"])

    def counts(self) -> dict[str, int]:
        with self._lock:
            return {**self.stats, "documents": len(self._ids)}

    def bulk(self, body: bytes) -> Reply:
        """Answers one request as Elasticsearch does: in order, one item per document."""
        with self._lock:
            self.stats["requests"] += 1
            if self._refuse_requests > 0:
                self._refuse_requests -= 1
                self.stats["refused_requests"] += 1
                return 503, {"error": {"type": "unavailable_shards_exception", "reason": "on request"}, "status": 503}
            try:
                pairs = parse_bulk(body)
            except ValueError as error:
                self.stats["faults"] += 1
                return 400, {"error": {"type": "illegal_argument_exception", "reason": str(error)}, "status": 400}
            items = [{"create": self._create(index, identity, document)} for index, identity, document in pairs]
            failed = any(item["create"]["status"] >= 300 for item in items)
            return 200, {"took": 1, "errors": failed, "items": items}

    def _create(self, index: str, identity: str, document: dict[str, Any]) -> dict[str, Any]:
        answer = {"_index": f".ds-{index}-000001", "_id": identity}
        if identity in self._ids:
            self.stats["conflicts"] += 1
            reason = f"[{identity}]: version conflict, document already exists (current version [1])"
            error = {"type": "version_conflict_engine_exception", "reason": reason}
            return {**answer, "status": 409, "error": error}
        if self._refuse_documents > 0:
            self._refuse_documents -= 1
            self.stats["refused_documents"] += 1
            error = {"type": "es_rejected_execution_exception", "reason": "on request"}
            return {**answer, "status": 429, "error": error}
        with self._file.open("a", encoding="utf-8") as out:
            out.write(json.dumps({"_id": identity, "_index": index, "_source": document}, ensure_ascii=False) + "\n")
        self._ids.add(identity)
        self.stats["created"] += 1
        return {**answer, "_version": 1, "result": "created", "status": 201}


def parse_bulk(body: bytes) -> list[tuple[str, str, dict[str, Any]]]:
    """(index, id, document) of each pair of lines; a data stream takes `create` only."""
    if not body.endswith(b"\n"):
        raise ValueError("The bulk request must be terminated by a newline [\\n]")
    lines = body.decode("utf-8").split("\n")[:-1]
    if len(lines) % 2:
        raise ValueError("an action without its document")
    pairs = []
    for action_line, document_line in zip(lines[::2], lines[1::2], strict=True):
        action, document = json.loads(action_line), json.loads(document_line)
        if list(action) != ["create"]:
            raise ValueError("only write ops with an op_type of create are allowed in data streams")
        if not isinstance(document, dict) or "@timestamp" not in document:
            raise ValueError("data stream timestamp field [@timestamp] is missing")
        pairs.append((action["create"]["_index"], str(action["create"]["_id"]), document))
    return pairs


class Handler(BaseHTTPRequestHandler):
    """The few addresses that shippers ask."""

    protocol_version = "HTTP/1.1"
    store: Store

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the base's
        """Silence: the counts tell."""

    def _answer(self, status: int, body: dict[str, Any]) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("X-Elastic-Product", "Elasticsearch")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def do_GET(self) -> None:
        if self.path == "/_sink/stats":
            self._answer(200, dict(self.store.counts()))
        else:
            self._answer(200, {"cluster_name": "sink", "version": {"number": "8.19.0"}, "tagline": "You Know, for Search"})

    do_HEAD = do_GET

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        if self.path.split("?")[0].endswith("/_bulk"):
            self._answer(*self.store.bulk(body))
        else:
            self._answer(404, {"error": {"type": "not_found", "reason": self.path}, "status": 404})


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--documents", type=Path, required=True)
    parser.add_argument("--refuse-requests", type=int, default=0)
    parser.add_argument("--refuse-documents", type=int, default=0)
    options = parser.parse_args()
    Handler.store = Store(options.documents, options.refuse_requests, options.refuse_documents)
    server = ThreadingHTTPServer(("127.0.0.1", options.port), Handler)
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    print(f"listening on {server.server_address[1]}", flush=True)
    server.serve_forever()
    return 0


if __name__ == "__main__":
    sys.exit(main())
