#!/usr/bin/env bash
# The official Python SDKs of OpenAI, Anthropic and the Model Context Protocol against the service's
# doors. Needs Python 3, PostgreSQL and Redis programs and, the first time, a package index.
#
# Usage: crates/ai-assistant/tests/external/doors.sh
#   VENV   where the Python packages go (default: doors-venv in cargo's target directory)
set -euo pipefail
cd "$(dirname "$0")/../../../.."
here=$PWD/crates/ai-assistant/tests/external
target=$(cargo metadata --format-version 1 --no-deps | python3 -c 'import json, sys; print(json.load(sys.stdin)["target_directory"])')
venv=${VENV:-$target/doors-venv}

if ! [ -x "$venv/bin/python" ] || ! cmp -s "$here/requirements.txt" "$venv/requirements.txt"; then
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check -r "$here/requirements.txt"
    cp "$here/requirements.txt" "$venv/requirements.txt"
fi

# The test starts the service with stand-ins for 1C and for the models, and calls the programs below.
DOORS_PYTHON="$venv/bin/python" DOORS_SCRIPTS="$here" \
    cargo test --quiet -p ai-assistant --test it -- --ignored --nocapture official_sdks
