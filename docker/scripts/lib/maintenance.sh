# shellcheck shell=bash
# One maintenance at a time, and no watcher during one. Sourced after common.sh.

state_dir() { project_path "${STATE_DIR:-./docker/state}"; }

# begin_maintenance: held until this process ends, however it ends. Ends the script when another one
# (a restore, a deployment) is under way.
begin_maintenance() {
    mkdir -p "$(state_dir)"
    exec {MAINTENANCE_LOCK}>"$(state_dir)/maintenance.lock"
    flock -n "$MAINTENANCE_LOCK" ||
        die "$EX_UNAVAILABLE" "Уже идёт восстановление или развёртывание." "A restore or a deployment is under way."
}

maintenance_under_way() {
    [[ -e $(state_dir)/maintenance.lock ]] && ! flock -n "$(state_dir)/maintenance.lock" true
}
