#!/usr/bin/env bash
# Tests of the scripts that need no engine; seconds. Prints what fails; code 1 when something did.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")"
for tool in openssl jq flock; do
    command -v "$tool" >/dev/null || { echo "missing: $tool" >&2; exit 69; }
done
failed=0
if command -v shellcheck >/dev/null; then
    shellcheck -x ../*.sh ../*/*.sh || failed=1
fi
for test in ./*_test.sh; do
    if bash "$test"; then echo "ok   ${test#./}"; else echo "FAIL ${test#./}"; failed=1; fi
done
exit "$failed"
