#!/usr/bin/env bash
# The audit log verified by a program of another make: a real service is filled, told to erase a person, and exports; Python
# computes commitments, chain, Merkle roots and (by openssl) signatures anew from docs/audit.md, and
# finds each of some changes of the export. Needs Python 3, openssl, PostgreSQL and Redis programs.
#
# Usage: crates/security/tests/external/audit.sh
set -euo pipefail
cd "$(dirname "$0")/../../../.."
here=crates/security/tests/external
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

AUDIT_FOLDER=$work cargo test --quiet -p security --test it -- --ignored what_an_auditor_takes_home
python3 "$here/audit_verify.py" "$work/export.ndjson" "$work/checkpoints.json" "$work/keys.json"

# finds WORDS SED: the change of the export is found and told in these words.
finds() {
    local told
    sed "$2" "$work/export.ndjson" >"$work/changed.ndjson"
    if told=$(python3 "$here/audit_verify.py" "$work/changed.ndjson" "$work/checkpoints.json" "$work/keys.json"); then
        echo "the change $2 was not found"
        exit 1
    fi
    [[ $told == *"$1"* ]] || { echo "$2: $told"; exit 1; }
    echo "found: $told"
}
finds 'entry 700 is missing' 700d
finds 'entry 5 is not what was hashed' '5s/"success"/"failure"/'
finds 'what is not what was committed to' '9s/"target":"user:/&1/'
finds 'there are 900' 901,1201d
