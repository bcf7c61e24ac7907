# shellcheck shell=bash
# What the scenarios share: libraries, settings, a work folder that goes away. Sourced.
set -euo pipefail
for part in common databases api demo; do
    # shellcheck source=/dev/null
    . "$(dirname -- "${BASH_SOURCE[0]}")/../lib/$part.sh"
done
load_env
need docker curl jq openssl
WORK=$(mktemp -d)
chmod 0700 "$WORK"
trap 'rm -rf "$WORK"' EXIT

# percentile PERCENT <sorted numbers
percentile() { awk -v p="$1" '{ v[NR] = $1 } END { if (NR) { i = int((NR * p + 99) / 100); print v[i < 1 ? 1 : i] } else print "-" }'; }

# positive NAME VALUE: a number of one or more.
positive() { [[ ${2:-} =~ ^[1-9][0-9]*$ ]] || usage_error "$1: нужно число больше нуля" "$1 needs a number above zero"; }
