# shellcheck shell=bash
# What every script of this folder has in common: language, settings, compose, waiting. Sourced.

# A failure inside $(...) is a failure there, too.
shopt -s inherit_errexit

# The six services by their compose names, in the order a request meets them, and what answers /health.
# shellcheck disable=SC2034
SERVICES=(api-gateway ai-assistant 1c-integration user-management analytics security)
# shellcheck disable=SC2034
declare -A SERVICE_PORT=(
    [api-gateway]=3000 [ai-assistant]=8000 [1c-integration]=8001
    [user-management]=8002 [analytics]=8003 [security]=8004
)

# Exit codes, of sysexits.h where it has one.
# shellcheck disable=SC2034
readonly EX_USAGE=64 EX_DATA=65 EX_UNAVAILABLE=69 EX_REFUSED=77

# ---- Language --------------------------------------------------------------------------------------

# True when messages are in Russian.
russian() {
    local language=${AI1C_LANG:-${LC_ALL:-${LANG:-}}}
    [[ $language == ru* ]]
}

# text RU EN: the one of two that is to be shown, without a newline.
text() { if russian; then printf '%s' "$1"; else printf '%s' "${2-$1}"; fi; }

# say RU EN
say() { if russian; then printf '%s\n' "$1"; else printf '%s\n' "${2-$1}"; fi; }

# warn RU EN: on standard error, so that it survives a pipe.
warn() { say "! $1" "! ${2-$1}" >&2; }

# die CODE RU EN
die() {
    local code=$1
    say "${2:-}" "${3-${2:-}}" >&2
    exit "$code"
}

# usage_error RU EN: points at the help and ends with the code of a wrong call.
usage_error() {
    say "$1" "${2-$1}" >&2
    say "Справка: ${0##*/} --help" "Help: ${0##*/} --help" >&2
    exit "$EX_USAGE"
}

# confirm RU EN: true after yes. AI1C_YES=1 (what --yes sets) answers by itself; an input that ends
# without an answer is a no.
confirm() {
    local answer=
    if [[ ${AI1C_YES:-0} == 1 ]]; then return 0; fi
    text "$1 [да/нет] " "$2 [yes/no] " >&2
    IFS= read -r answer || { echo >&2; return 1; }
    [[ ${answer,,} =~ ^(y|yes|д|да|Д|Да|ДА)$ ]]
}

# ---- Settings --------------------------------------------------------------------------------------

# The folder with docker-compose.yml. AI1C_ROOT names another one.
repo_root() {
    if [[ -n ${AI1C_ROOT:-} ]]; then printf '%s\n' "$AI1C_ROOT"; return; fi
    cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../../.." && pwd
}

# The file of settings; it need not exist.
env_file() { printf '%s\n' "${AI1C_ENV_FILE:-$(repo_root)/.env}"; }

# env_line LINE: prints NAME and VALUE as two lines when LINE sets a variable. Read, never executed:
# a value with a dollar sign or a backquote is just a value.
env_line() {
    local line=$1 name value
    line=${line%$'\r'}
    [[ $line =~ ^[[:space:]]*(export[[:space:]]+)?([A-Za-z0-9_]+)[[:space:]]*=(.*)$ ]] || return 0
    name=${BASH_REMATCH[2]}
    value=${BASH_REMATCH[3]}
    value=${value#"${value%%[![:space:]]*}"}
    case $value in
        \"*\"*) value=${value#\"}; value=${value%%\"*} ;;
        \'*\'*) value=${value#\'}; value=${value%%\'*} ;;
        *)
            # A comment after a value begins with a space and a hash.
            [[ $value == '#'* ]] && value=
            value=${value%%[[:space:]]#*}
            value=${value%"${value##*[![:space:]]}"}
            ;;
    esac
    printf '%s\n%s\n' "$name" "$value"
}

# Exports .env for variables that the environment does not have, as Compose reads it: empty means
# absent, and of several lines the last one counts. 1C_* are given the names ONEC_*: neither a shell
# nor Compose can refer to a name that begins with a digit.
load_env() {
    local file line pair name value
    local -A settings=()
    file=$(env_file)
    # What the environment itself has under the owner's names.
    while IFS='=' read -r name value; do settings[ONEC_${name#1C_}]=$value; done < <(env | grep '^1C_[A-Z_]*=' || true)
    if [[ -r $file ]]; then
        while IFS= read -r line || [[ -n $line ]]; do
            pair=$(env_line "$line")
            name=${pair%%$'\n'*}
            [[ $name == 1C_* ]] && name=ONEC_${name#1C_}
            if [[ $name =~ ^[A-Za-z_] && $pair == *$'\n'?* ]]; then settings[$name]=${pair#*$'\n'}; fi
        done <"$file"
    fi
    for name in "${!settings[@]}"; do
        if [[ -z ${!name:-} ]]; then export "$name=${settings[$name]}"; fi
    done
}

# env_set NAME VALUE: writes one setting into .env, in place of the line that had it.
env_set() {
    local name=$1 value=$2 file line temporary done=0
    file=$(env_file)
    temporary=$(mktemp "$file.XXXXXX")
    while IFS= read -r line || [[ -n $line ]]; do
        if [[ $line =~ ^[[:space:]]*(export[[:space:]]+)?"$name"[[:space:]]*= ]]; then
            if ((done == 0)); then printf '%s=%s\n' "$name" "$value"; fi
            done=1
        else
            printf '%s\n' "$line"
        fi
    done <"$file" >"$temporary"
    if ((done == 0)); then printf '%s=%s\n' "$name" "$value" >>"$temporary"; fi
    chmod --reference="$file" "$temporary"
    mv -f "$temporary" "$file"
}

# project_path PATH: a path of a setting as Compose understands it, relative to the project's folder.
project_path() {
    case $1 in
        /*) printf '%s\n' "$1" ;;
        *) printf '%s/%s\n' "$(repo_root)" "${1#./}" ;;
    esac
}

environment() { printf '%s\n' "${ENVIRONMENT:-development}"; }
project_name() { printf '%s\n' "${COMPOSE_PROJECT_NAME:-ai-assistants-1c}"; }
bind_address() { printf '%s\n' "${BIND_ADDRESS:-127.0.0.1}"; }
secrets_dir() { project_path "${SECRETS_DIR:-./docker/secrets/development}"; }
metrics_dir() { project_path "${METRICS_DIR:-./docker/state/metrics}"; }
tls_dir() { project_path "${TLS_DIR:-./docker/nginx/ssl}"; }
image_of() { printf '%s/%s:%s\n' "${DOCKER_REGISTRY:-ai-assistants-1c}" "$1" "${IMAGE_TAG:-dev}"; }

# ---- Compose ---------------------------------------------------------------------------------------

# need TOOL...: ends with the list of what is missing.
need() {
    local tool missing=()
    for tool in "$@"; do command -v "$tool" >/dev/null || missing+=("$tool"); done
    if ((${#missing[@]})); then
        die "$EX_UNAVAILABLE" "Не хватает программ: ${missing[*]}" "Missing programs: ${missing[*]}"
    fi
}

# The compose files in use: COMPOSE_FILES (separated by spaces or colons), else by ENVIRONMENT.
compose_files() {
    local files=${COMPOSE_FILES:-${COMPOSE_FILE:-}}
    if [[ -z $files ]]; then
        files=docker-compose.yml
        if [[ $(environment) != development ]]; then files+=:docker-compose.prod.yml; fi
    fi
    tr -s ': ' '\n' <<<"$files" | grep .
}

# compose ARGUMENTS...: docker compose of this project, wherever it is called from.
compose() {
    local root file arguments=()
    root=$(repo_root)
    while IFS= read -r file; do arguments+=(-f "$(project_path "$file")"); done < <(compose_files)
    if [[ -n ${AI1C_ENV_FILE:-} ]]; then arguments+=(--env-file "$AI1C_ENV_FILE"); fi
    docker compose --project-directory "$root" "${arguments[@]}" "$@"
}

# containers_of SERVICE|CONTAINER: the ids, also of those that have stopped.
containers_of() {
    local ids
    # For a name that is no service some versions fail and others print nothing.
    ids=$(compose ps -aq "$1" 2>/dev/null) || ids=
    if [[ -n $ids ]]; then printf '%s\n' "$ids"; else
        docker container inspect --format '{{.Id}}' "$1" 2>/dev/null || true
    fi
}

# container_health ID: healthy, unhealthy, starting; for what has no health check running; else the
# state, such as exited; `absent` when there is no such container.
container_health() {
    docker container inspect --format \
        '{{if ne .State.Status "running"}}{{.State.Status}}{{else if .State.Health}}{{.State.Health.Status}}{{else}}running{{end}}' \
        "$1" 2>/dev/null || echo absent
}

# wait_container ID DEADLINE: until it is healthy or the moment has come (seconds since 1970). Listens
# to the engine's events from before the first look, so that no change is missed and nothing is polled.
wait_container() {
    local id=$1 deadline=$2 listener events state line
    exec {events}< <(exec docker events --since "$(($(date +%s) - 1))" --until "$deadline" \
        --filter type=container --filter "container=$id" --format '{{.Action}}' 2>/dev/null)
    listener=$!
    while :; do
        state=$(container_health "$id")
        case $state in healthy | running | absent) break ;; esac
        IFS= read -r line <&"$events" || break
        # A program that has just been started or checked by hand tells nothing of health.
        while [[ $line == exec_* ]]; do IFS= read -r line <&"$events" || break 2; done
    done
    exec {events}<&-
    kill "$listener" 2>/dev/null || true
    wait "$listener" 2>/dev/null || true
    [[ $state == healthy || $state == running ]]
}

# wait_healthy SERVICE|CONTAINER SECONDS: true when every container of it is healthy within the time.
wait_healthy() {
    local deadline id ids
    deadline=$(($(date +%s) + $2))
    ids=$(containers_of "$1")
    [[ -n $ids ]] || return 1
    for id in $ids; do wait_container "$id" "$deadline" || return 1; done
}
