"""Computes an NDJSON export of the audit log anew, knowing nothing but docs/audit.md: commitments, the
chain, gapless numbers, the Merkle roots of checkpoints (RFC 6962) and their Ed25519 signatures (by openssl).

Usage: audit_verify.py EXPORT [CHECKPOINTS KEYS]
  EXPORT       GET /audit/export?format=ndjson, from the first entry
  CHECKPOINTS  GET /audit/checkpoints, or lines of AUDIT_CHECKPOINT_FILE
  KEYS         GET /audit/keys
Prints what it found; exit code 1 names the first thing that is wrong.
"""

from __future__ import annotations

import hashlib
import json
import pathlib
import subprocess
import sys
import tempfile
import uuid
from datetime import datetime, timezone

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def number(value: int) -> bytes:
    return value.to_bytes(8, "big", signed=True)


def sized(value: bytes) -> bytes:
    return number(len(value)) + value


def text(value: str) -> bytes:
    return sized(value.encode())


def optional(value: str | None) -> bytes:
    return b"\0" if value is None else b"\1" + text(value)


def micros(moment: str) -> int:
    passed = datetime.fromisoformat(moment.replace("Z", "+00:00")) - EPOCH
    return (passed.days * 86_400 + passed.seconds) * 1_000_000 + passed.microseconds


def sha256(*parts: bytes) -> bytes:
    return hashlib.sha256(b"".join(parts)).digest()


def raw_details(line: str) -> str:
    """The characters of `details`, which no parser may have rewritten."""
    start = line.index('"details":') + len('"details":')
    _, end = json.JSONDecoder().raw_decode(line, start)
    return line[start:end]


def who(entry: dict) -> bytes:
    actor = entry["actor_id"]
    return sha256(
        b"audit.who.v2",
        sized(bytes.fromhex(entry["who_salt"])),
        b"\0" if actor is None else b"\1" + sized(uuid.UUID(actor).bytes),
        optional(entry["actor_role"]),
        optional(entry["ip"]),
    )


def what(entry: dict, details: str) -> bytes:
    return sha256(
        b"audit.what.v2",
        sized(bytes.fromhex(entry["what_salt"])),
        optional(entry["target"]),
        text(details),
    )


def hash_of(entry: dict) -> bytes:
    return sha256(
        b"audit.v2",
        sized(bytes.fromhex(entry["prev_hash"])),
        number(entry["sequence"]),
        uuid.UUID(entry["id"]).bytes,
        uuid.UUID(entry["company_id"] or str(uuid.UUID(int=0))).bytes,
        number(entry["company_sequence"]),
        number(micros(entry["occurred_at"])),
        number(micros(entry["recorded_at"])),
        text(entry["source"]),
        text(entry["action"]),
        text(entry["outcome"]),
        optional(entry["request_id"]),
        sized(bytes.fromhex(entry["who_commitment"])),
        sized(bytes.fromhex(entry["what_commitment"])),
    )


def root(leaves: list[bytes]) -> bytes:
    """RFC 6962, section 2.1, as it stands there."""
    if not leaves:
        return hashlib.sha256().digest()
    if len(leaves) == 1:
        return leaves[0]
    split = 1 << (len(leaves) - 1).bit_length() - 1
    return sha256(b"\1", root(leaves[:split]), root(leaves[split:]))


def wrong(message: str) -> None:
    print(message)
    sys.exit(1)


def follow(export: str) -> list[bytes]:
    leaves: list[bytes] = []
    companies: dict[str | None, int] = {}
    before = bytes(32)
    erased = 0
    with open(export, encoding="utf-8") as lines:
        for expected, line in enumerate(lines, start=1):
            entry = json.loads(line)
            if entry["sequence"] != expected:
                wrong(f"entry {expected} is missing, {entry['sequence']} is there")
            if entry["who_salt"] is None or entry["what_salt"] is None:
                erased += 1
            if entry["who_salt"] is not None and who(entry).hex() != entry["who_commitment"]:
                wrong(f"entry {expected}: who is not what was committed to")
            if entry["what_salt"] is not None and what(entry, raw_details(line)).hex() != entry["what_commitment"]:
                wrong(f"entry {expected}: what is not what was committed to")
            if entry["prev_hash"] != before.hex():
                wrong(f"entry {expected} does not continue from the one before")
            before = hash_of(entry)
            if entry["hash"] != before.hex():
                wrong(f"entry {expected} is not what was hashed")
            companies[entry["company_id"]] = companies.get(entry["company_id"], 0) + 1
            if entry["company_sequence"] != companies[entry["company_id"]]:
                wrong(f"entry {expected}: the numbers of its company have a gap")
            leaves.append(sha256(b"\0", before))
    print(f"{len(leaves)} entries of {len(companies)} companies are in order, {erased} of them erased")
    return leaves


def is_signed(statement: bytes, signature: bytes, key: bytes) -> bool:
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        # The head of an Ed25519 key in DER (RFC 8410).
        (folder / "key").write_bytes(bytes.fromhex("302a300506032b6570032100") + key)
        (folder / "statement").write_bytes(statement)
        (folder / "signature").write_bytes(signature)
        command = ["openssl", "pkeyutl", "-verify", "-pubin", "-keyform", "DER", "-inkey", str(folder / "key"),
                   "-rawin", "-in", str(folder / "statement"), "-sigfile", str(folder / "signature")]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0


def compare(leaves: list[bytes], checkpoints: str, keys: str) -> None:
    told = pathlib.Path(checkpoints).read_text(encoding="utf-8")
    try:
        copies = json.loads(told)["items"]
    except (json.JSONDecodeError, KeyError):
        copies = [json.loads(line) for line in told.splitlines()]
    public = {key["key_id"]: bytes.fromhex(key["public_key"])
              for key in json.loads(pathlib.Path(keys).read_text(encoding="utf-8"))["items"]}
    for copy in sorted(copies, key=lambda copy: copy["number"]):
        moment = EPOCH.fromtimestamp(micros(copy["made_at"]) // 1_000_000, timezone.utc)
        made_at = f"{moment:%Y-%m-%dT%H:%M:%S}.{micros(copy['made_at']) % 1_000_000:06}Z"
        statement = "\n".join(["ai1c-audit-checkpoint/1", str(copy["number"]), str(copy["size"]), copy["root"],
                               copy["hash"], copy["previous"], made_at, copy["key_id"], ""]).encode()
        if not is_signed(statement, bytes.fromhex(copy["signature"]), public[copy["key_id"]]):
            wrong(f"checkpoint {copy['number']} is not signed with {copy['key_id']}")
        if copy["size"] > len(leaves):
            wrong(f"checkpoint {copy['number']} is about {copy['size']} entries, there are {len(leaves)}")
        if root(leaves[:copy["size"]]).hex() != copy["root"]:
            wrong(f"checkpoint {copy['number']} has another root: something up to {copy['size']} was written anew")
    print(f"{len(copies)} checkpoints agree and are signed")


if __name__ == "__main__":
    found = follow(sys.argv[1])
    if len(sys.argv) > 3:
        compare(found, sys.argv[2], sys.argv[3])
