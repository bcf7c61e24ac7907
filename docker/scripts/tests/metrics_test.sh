#!/usr/bin/env bash
# Metrics are written in one step and keep what a failed run cannot know.
# shellcheck source=/dev/null
. "$(dirname -- "${BASH_SOURCE[0]}")/assert.sh"
for part in common databases redis metrics secrets seal archive backup; do
    # shellcheck source=/dev/null
    . "$SCRIPTS/lib/$part.sh"
done

write_backup_metrics 1 4096
made=$(read_metric ai1c_backup ai1c_backup_last_success_timestamp_seconds)
(($(date +%s) - made < 5)) || fail "the moment of success"
write_backup_metrics 0
is "$(read_metric ai1c_backup ai1c_backup_last_run_success)" 0 "a failed run"
is "$(read_metric ai1c_backup ai1c_backup_last_success_timestamp_seconds)" "$made" "the last success stays"
is "$(read_metric ai1c_backup ai1c_backup_size_bytes)" 4096 "its size stays"
write_backup_metrics 0 '' 1700000000
is "$(read_metric ai1c_backup ai1c_backup_verified_timestamp_seconds)" 1700000000 "verified"
is "$(read_metric ai1c_backup ai1c_backup_last_success_timestamp_seconds)" "$made" "verifying makes no success"
is "$(find "$AI1C_ROOT/docker/state/metrics" -type f -printf '%f\n')" ai1c_backup.prom "nothing is left over"
is "$(stat -c %a "$AI1C_ROOT/docker/state/metrics/ai1c_backup.prom")" 644 "the collector can read"

# A backup that fails (the engine answers nothing) leaves no file and says so in the metrics.
if backup_all "$WORK/backups" 0 >/dev/null 2>&1; then fail "a backup of nothing succeeded"; fi
is "$(read_metric ai1c_backup ai1c_backup_last_run_success)" 0 "a failed backup"
is "$(find "$WORK/backups" -mindepth 1 ! -name .lock)" '' "a failed backup leaves nothing"
