#!/usr/bin/env bash
# Language models against an implementation that is not ours: the service asks llmock in three
# dialects while llmock refuses, limits, cuts, garbles and stalls, and llmock judges its client.
# Needs Python 3, PostgreSQL, Redis and, the first time, Python's package index.
#
# Usage: crates/ai-assistant/tests/external/llmock.sh
#   VENV       where the Python packages go (default: llmock-venv in cargo's target directory)
#   QUESTIONS  how many are asked in each dialect (default: 20)
set -euo pipefail
cd "$(dirname "$0")/../../../.."
here=crates/ai-assistant/tests/external
target=$(cargo metadata --format-version 1 --no-deps | python3 -c 'import json, sys; print(json.load(sys.stdin)["target_directory"])')
venv=${VENV:-$target/llmock-venv}
work=$(mktemp -d)
pids=()
finish() {
    for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
    rm -rf "$work"
}
trap finish EXIT

if ! [ -x "$venv/bin/llmock" ] || ! cmp -s "$here/llmock-requirements.txt" "$venv/requirements.txt"; then
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check -r "$here/llmock-requirements.txt"
    cp "$here/llmock-requirements.txt" "$venv/requirements.txt"
fi
cargo test --quiet -p ai-assistant --test it --no-run

failed=0
# Starts llmock with these options, asks the questions and prints the verdict.
round() {
    local name=$1 port
    shift
    port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
    "$venv/bin/llmock" serve --host 127.0.0.1 --port "$port" --log-level warning \
        --response-style hello "$@" >"$work/$name" 2>&1 &
    local pid=$!
    pids+=("$pid")
    for _ in $(seq 300); do
        if (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then break; fi
        sleep 0.1
    done
    echo "== $name: llmock $*"
    LLMOCK_URL=http://127.0.0.1:$port FALLBACK=${FALLBACK:-} QUESTIONS=${QUESTIONS:-20} \
        cargo test --quiet -p ai-assistant --test it -- --ignored --exact llmock::a_stranger_judges_the_service --nocapture
    "$venv/bin/llmock" report --url "http://127.0.0.1:$port" || failed=1
    kill "$pid"
}

round well
round refusals --error-rate 429=0.15 --error-rate 500=0.1 --error-rate 503=0.1 --error-rate 529=0.1
round limits --rpm 12
# llmock does not take another provider's answer for a second try, so where streams break off it judges
# the service without one. A question that meets three faults in a row, which is rare, is answered by the
# built-in engine; llmock then takes the last one for an answer that was cut short.
FALLBACK=none round streams --stream-fault truncate=0.05 --stream-fault disconnect=0.03 \
    --stream-fault malformed=0.03 --stream-fault stall=0.01 --stream-stall-seconds 20
[ "$failed" = 0 ]
