# shellcheck shell=bash
# shellcheck disable=SC2034
# What tests are made of: a folder that goes away, an engine that only writes down what it is asked, and
# a few assertions. Sourced.
set -euo pipefail
export LC_ALL=C AI1C_LANG=en
unset COMPOSE_PROJECT_NAME COMPOSE_FILE COMPOSE_FILES ENVIRONMENT BIND_ADDRESS SECRETS_DIR METRICS_DIR TLS_DIR \
    BACKUP_DIR STATE_DIR ADMIN_EMAIL ADMIN_PASSWORD ALERT_WEBHOOK_URL AI1C_YES

SCRIPTS=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)
WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT

# A project of its own, so that a test never touches the real one.
export AI1C_ROOT=$WORK/project
mkdir -p "$AI1C_ROOT"
cp "$SCRIPTS/../../docker-compose.yml" "$SCRIPTS/../../.env.example" "$AI1C_ROOT/"

# The engine: each call is a line of $CALLS; what it prints is decided by answer_docker.
export CALLS=$WORK/calls ANSWERS=$WORK/answers
: >"$CALLS"
mkdir -p "$WORK/bin" "$ANSWERS"
cat >"$WORK/bin/docker" <<'DOCKER'
#!/usr/bin/env bash
printf '%s\n' "$*" >>"$CALLS"
for answer in "$ANSWERS"/*; do
    [[ -e $answer ]] || continue
    pattern=$(head -n 1 "$answer")
    if [[ "$*" == *$pattern* ]]; then tail -n +2 "$answer"; exit 0; fi
done
exit 0
DOCKER
chmod +x "$WORK/bin/docker"
export PATH=$WORK/bin:$PATH

# answer_docker NAME WORDS TEXT: calls that contain WORDS print TEXT.
answer_docker() { printf '%s\n%s\n' "$2" "$3" >"$ANSWERS/$1"; }

fail() { printf 'FAIL %s: %s\n' "$(basename "$0")" "$*" >&2; exit 1; }
# run COMMAND...: sets STATUS and OUTPUT.
run() {
    STATUS=0
    OUTPUT=$("$@" 2>&1 </dev/null) || STATUS=$?
}
is() { [[ $1 == "$2" ]] || fail "$3: got '$1', expected '$2'"; }
has() { [[ $1 == *"$2"* ]] || fail "$3: '$1' does not contain '$2'"; }
# engine_untouched NAME: nothing was asked of the engine that changes anything.
engine_untouched() {
    if grep -E ' (up|down|stop|start|restart|exec|run|rm|create)( |$)' "$CALLS"; then fail "$1: the engine was asked"; fi
}
