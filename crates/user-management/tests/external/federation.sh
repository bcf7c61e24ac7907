#!/usr/bin/env bash
# Logging in at identity providers that are not ours: PyPI's oidc-provider-mock and npm's
# oidc-provider, which is certified by the OpenID Foundation. The service runs on its own PostgreSQL
# and Redis; a browser of the tests fills in the providers' forms.
# Needs Python 3 and, the first time, its package index; the second provider also Node.js and npm, without
# which it is left out, and that is said.
#
# Usage: crates/user-management/tests/external/federation.sh
#   VENV   where the packages go (default: federation-venv in cargo's target directory)
set -euo pipefail
cd "$(dirname "$0")/../../../.."
here=crates/user-management/tests/external
target=$(cargo metadata --format-version 1 --no-deps | python3 -c 'import json, sys; print(json.load(sys.stdin)["target_directory"])')
venv=${VENV:-$target/federation-venv}
pids=()
work=$(mktemp -d)
finish() {
    for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
    rm -rf "$work"
}
trap finish EXIT

if ! [ -x "$venv/bin/python" ] || ! cmp -s "$here/federation-requirements.txt" "$venv/requirements.txt"; then
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check -r "$here/federation-requirements.txt"
    cp "$here/federation-requirements.txt" "$venv/requirements.txt"
fi
nodes=
if command -v node >/dev/null && command -v npm >/dev/null; then nodes=1; fi
if [ -n "$nodes" ] && ! [ -d "$venv/node_modules/oidc-provider" ]; then
    npm install --silent --no-audit --no-fund --no-save --prefix "$venv" oidc-provider@9.13.3
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

check() {
    echo "== logging in at $1, $2"
    OIDC_EXTERNAL_ISSUER=$2 cargo test --quiet -p user-management --test it -- --ignored \
        a_person_logs_in_at_a_provider_of_another_make
}

# It goes on until its input ends.
mkfifo "$work/open"
"$venv/bin/python" -W ignore "$here/federation_provider.py" <>"$work/open" >"$work/python" 2>"$work/python.err" &
pids+=($!)
check oidc-provider-mock "$(address_of "$work/python")"

if [ -z "$nodes" ]; then
    echo "== npm's oidc-provider is left out: there is no Node.js with npm here"
    exit 0
fi
# Node looks for packages beside the script.
cp "$here/federation_provider.mjs" "$venv/"
node "$venv/federation_provider.mjs" ai1c "s:e c%r+et" >"$work/node" 2>"$work/node.err" &
pids+=($!)
check oidc-provider "$(address_of "$work/node")"
