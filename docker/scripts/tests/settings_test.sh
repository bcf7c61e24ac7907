#!/usr/bin/env bash
# .env is read as Compose reads it, and never executed.
# shellcheck source=/dev/null
. "$(dirname -- "${BASH_SOURCE[0]}")/assert.sh"
# shellcheck source=/dev/null
. "$SCRIPTS/lib/common.sh"

cat >"$AI1C_ROOT/.env" <<ENV
# COMMENTED=1
PLAIN=value
FIRST=1
FIRST=2
export QUOTED="with space"  # why
SINGLE='\$(touch $WORK/executed)'
BACKQUOTE=\`touch $WORK/executed\`
TRAILING=value # comment
HASH=va#lue
EMPTY=
FROM_OUTSIDE=inside
1C_PASSWORD=secret
ONEC_PASSWORD=
PATH=/nowhere
ENV
export FROM_OUTSIDE=outside
load_env
is "$PLAIN" value plain
is "$FIRST" 2 "the last line counts"
is "$QUOTED" "with space" quoted
# shellcheck disable=SC2016
is "$SINGLE" '$(touch '"$WORK"'/executed)' "not executed"
[[ ! -e $WORK/executed ]] || fail ".env was executed"
is "$TRAILING" value "a comment after a value"
is "$HASH" 'va#lue' "a hash within a value"
is "${EMPTY-unset}" unset "empty is absent"
is "${COMMENTED-unset}" unset "a commented line"
is "$FROM_OUTSIDE" outside "the environment comes first"
is "$ONEC_PASSWORD" secret "1C_PASSWORD is ONEC_PASSWORD"
command -v sed >/dev/null || fail "PATH was replaced"

chmod 0600 "$AI1C_ROOT/.env"
env_set FIRST 'a & b \1 /x/'
env_set NEW fresh
is "$(grep -c '^FIRST=' "$AI1C_ROOT/.env")" 1 "one line is left"
is "$(grep '^FIRST=' "$AI1C_ROOT/.env")" 'FIRST=a & b \1 /x/' "written as it is"
is "$(tail -n 1 "$AI1C_ROOT/.env")" NEW=fresh "a new one is added"
is "$(stat -c %a "$AI1C_ROOT/.env")" 600 "the mode is kept"
is "$(compose_files)" docker-compose.yml "files of development"
is "$(ENVIRONMENT=production compose_files | tr '\n' ' ')" "docker-compose.yml docker-compose.prod.yml " "files of production"
for answer in yes y да Д; do confirm a b <<<"$answer" 2>/dev/null || fail "$answer is a yes"; done
for answer in no нет '' maybe; do if confirm a b <<<"$answer" 2>/dev/null; then fail "$answer is no yes"; fi; done
if confirm a b </dev/null 2>/dev/null; then fail "no answer is no yes"; fi
