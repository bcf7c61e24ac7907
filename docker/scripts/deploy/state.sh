# shellcheck shell=bash
# What is deployed and what was before: two lines and a log per environment. Sourced after common.sh.

# shellcheck disable=SC2034
readonly EX_CONFIG=78 EX_ROLLED_BACK=3 EX_STRANDED=4

deploy_state_dir() { project_path "${DEPLOY_STATE_DIR:-./docker/state/deploy}/$(project_name)-$(environment)"; }

# A version is REGISTRY and TAG, separated by a space.
wanted_version() { printf '%s %s\n' "${DOCKER_REGISTRY:-}" "${IMAGE_TAG:-}"; }

use_version() {
    export DOCKER_REGISTRY=${1% *} IMAGE_TAG=${1##* }
}

# The version of the running gateway: what is true, whatever the files say.
running_version() {
    local id image
    id=$(compose ps -q api-gateway | sed -n 1p)
    [[ -n $id ]] || return 0
    image=$(docker inspect --format '{{.Config.Image}}' "$id")
    printf '%s %s\n' "${image%/api-gateway:*}" "${image##*:}"
}

previous_version() { cat "$(deploy_state_dir)/previous" 2>/dev/null || true; }

# record_deployment BEFORE NOW
record_deployment() {
    local folder
    folder=$(deploy_state_dir)
    mkdir -p "$folder"
    # Deploying the same version twice keeps what can be returned to.
    if [[ -n $1 && $1 != "$2" ]]; then printf '%s\n' "$1" >"$folder/previous"; fi
    printf '%s\n' "$2" >"$folder/current"
    log_deployment "deployed" "$2"
}

# log_deployment WHAT VERSION
log_deployment() {
    mkdir -p "$(deploy_state_dir)"
    printf '%s\t%s\t%s\t%s\n' "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$1" "$2" "${USER:-$(id -un)}" >>"$(deploy_state_dir)/history"
}

show_history() {
    if [[ -s $(deploy_state_dir)/history ]]; then cat "$(deploy_state_dir)/history"; else
        say "Развёртываний ещё не было." "Nothing has been deployed yet."
    fi
}

show_status() {
    local running previous service id
    running=$(running_version)
    previous=$(previous_version)
    say "Окружение: $(environment), проект: $(project_name)" "Environment: $(environment), project: $(project_name)"
    say "Работает:  ${running:-ничего}" "Running:   ${running:-nothing}"
    say "До этого:  ${previous:-нет}" "Before it: ${previous:-none}"
    printf '%-18s %-14s %-10s %s\n' "$(text служба service)" "$(text контейнер container)" "$(text здоровье health)" "$(text образ image)"
    for service in nginx "${SERVICES[@]}" redis; do
        for id in $(compose ps -aq "$service"); do
            printf '%-18s %-14s %-10s %s\n' "$service" "${id:0:12}" "$(container_health "$id")" \
                "$(docker inspect --format '{{.Config.Image}}' "$id")"
        done
    done
}
