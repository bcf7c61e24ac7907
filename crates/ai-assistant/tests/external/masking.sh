#!/usr/bin/env bash
# How much of what natasha (named entities in Russian) and the truth call a name is hidden before a
# text leaves for a model of others. The texts are business messages whose names are put into all cases
# by pymorphy3; half of the names are in the catalogues, half are not. The service under test is the real
# one; onec-integration is stood in for. Prints a table; fails below the limits in masking.py.
# Needs Python 3, PostgreSQL and Redis programs and, the first time, the package index.
#
# Usage: crates/ai-assistant/tests/external/masking.sh
#   VENV   where the packages go (default: masking-venv in cargo's target directory)
set -euo pipefail
cd "$(dirname "$0")/../../../.."
here=crates/ai-assistant/tests/external
target=$(cargo metadata --format-version 1 --no-deps | python3 -c 'import json, sys; print(json.load(sys.stdin)["target_directory"])')
venv=${VENV:-$target/masking-venv}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

if ! [ -x "$venv/bin/python" ] || ! cmp -s "$here/masking-requirements.txt" "$venv/requirements.txt"; then
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check -r "$here/masking-requirements.txt"
    cp "$here/masking-requirements.txt" "$venv/requirements.txt"
fi
"$venv/bin/python" -W ignore "$here/masking.py" write "$work"
PRIVACY_FOLDER=$work cargo test --quiet -p ai-assistant --test it -- --ignored texts_of_a_folder_are_masked
"$venv/bin/python" -W ignore "$here/masking.py" judge "$work"
