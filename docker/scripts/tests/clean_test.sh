#!/usr/bin/env bash
# Nothing is removed without a yes; old files go, the newest backup stays.
# shellcheck source=/dev/null
. "$(dirname -- "${BASH_SOURCE[0]}")/assert.sh"

for answer in '' no нет; do
    : >"$CALLS"
    run bash -c '"$1" clean <<<"$2"' clean "$SCRIPTS/docker-dev.sh" "$answer"
    is "$STATUS" 77 "clean with '$answer'"
    engine_untouched "clean with '$answer'"
done
run "$SCRIPTS/docker-dev.sh" clean --yes
is "$STATUS" 0 "clean --yes"
has "$(cat "$CALLS")" "down --remove-orphans --volumes" "clean --yes"
: >"$CALLS"
run "$SCRIPTS/docker-dev.sh" clean --yes --keep-data
if grep -q volumes "$CALLS"; then fail "--keep-data removed volumes"; fi
: >"$CALLS"
run "$SCRIPTS/docker-build.sh" clean
is "$STATUS" 77 "docker-build.sh clean without an answer"
engine_untouched "docker-build.sh clean without an answer"

backups=$AI1C_ROOT/backups state=$AI1C_ROOT/docker/state
mkdir -p "$backups" "$state/logs" "$state/metrics"
for name in 20200101T000000Z 20200102T000000Z; do
    touch -d '40 days ago' "$backups/ai1c-$name.tar.gz" "$backups/ai1c-$name.tar.gz.sha256"
done
touch -d '40 days ago' "$state/logs/old.log" "$backups/notes.txt" "$state/metrics/ai1c_backup.prom"
touch "$state/logs/new.log"
run "$SCRIPTS/clean-logs.sh" --dry-run
is "$STATUS" 0 "--dry-run"
[[ -e $state/logs/old.log && -e $backups/ai1c-20200101T000000Z.tar.gz ]] || fail "--dry-run deleted"
run "$SCRIPTS/clean-logs.sh"
is "$STATUS" 0 "clean-logs.sh: $OUTPUT"
is "$(cd "$AI1C_ROOT" && find backups docker/state -type f | LC_ALL=C sort | tr '\n' ' ')" \
    "backups/ai1c-20200102T000000Z.tar.gz backups/ai1c-20200102T000000Z.tar.gz.sha256 backups/notes.txt docker/state/logs/new.log docker/state/metrics/ai1c_backup.prom " \
    "what is left"
