#!/usr/bin/env bash
# SOAP against implementations that are not ours: zeep calls every operation of the demo base, and
# the service calls a spyne server. Needs Python 3 and, the first time, its package index.
#
# Usage: crates/onec-integration/tests/external/run.sh
#   VENV   where the Python packages go (default: soap-venv in cargo's target directory)
set -euo pipefail
cd "$(dirname "$0")/../../../.."
here=crates/onec-integration/tests/external
target=$(cargo metadata --format-version 1 --no-deps | python3 -c 'import json, sys; print(json.load(sys.stdin)["target_directory"])')
venv=${VENV:-$target/soap-venv}
pids=()
work=$(mktemp -d)
finish() {
    for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
    rm -rf "$work"
}
trap finish EXIT

if ! [ -x "$venv/bin/python" ] || ! cmp -s "$here/requirements.txt" "$venv/requirements.txt"; then
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check -r "$here/requirements.txt"
    cp "$here/requirements.txt" "$venv/requirements.txt"
fi

# Waits until a program that was started has told its address, which is its first line.
address_of() {
    for _ in $(seq 300); do
        if [ -s "$1" ]; then head -n 1 "$1"; return; fi
        sleep 0.1
    done
    echo "no address came; what was said:" >&2
    cat "$1.err" >&2
    return 1
}

cargo build --quiet -p onec-demo
"$target/debug/onec-demo" --listen 127.0.0.1:0 --until 2025-02-01 >"$work/demo" 2>"$work/demo.err" &
pids+=($!)
demo=$(address_of "$work/demo")
echo "== zeep calls the demo base"
"$venv/bin/python" "$here/zeep_client.py" "${demo%/odata/standard.odata/}"

"$venv/bin/python" "$here/spyne_server.py" 0 >"$work/spyne" 2>"$work/spyne.err" &
pids+=($!)
ONEC_SPYNE_URL=$(address_of "$work/spyne")
export ONEC_SPYNE_URL
echo "== the service calls spyne"
cargo test --quiet -p onec-integration --test it -- --ignored a_server_of_another_make_is_called
