#!/usr/bin/env bash
# The whole kit on a real Docker Engine, as an operator uses it: build, start, ask, monitor, kill, back
# up and restore, deploy with traffic running, deploy what is broken. Prints what it sees; the first thing
# that is not as it should be ends it.
#
#   docker/checks/deployment.sh [STEP...]      all steps, or those that are named
#
# Steps: build start question monitoring kill backup scenarios logs attacks deploy broken stack.
# It works on a compose project and addresses of its own (CHECK_PROJECT, CHECK_ADDRESS) and removes them
# in the end, also after a failure; KEEP=1 leaves them.
set -euo pipefail
cd "$(dirname "$0")/../.."

export COMPOSE_PROJECT_NAME=${CHECK_PROJECT:-ai1c-check}
export BIND_ADDRESS=${CHECK_ADDRESS:-127.0.0.9}
export PUBLIC_ADDRESS=$BIND_ADDRESS
export AI1C_LANG=en AI1C_YES=1 HEALTH_INTERVAL=3s
work=$(mktemp -d)
edge=https://$BIND_ADDRESS
admin='{"email":"admin@demo.local","password":"Romashka-2026"}'
question='{"message":"Кто нам должен больше всего и сколько просрочено?"}'

step() { printf '\n--- %s\n' "$*"; }
fail() { echo "FAILED: $*" >&2; exit 1; }

# What is not healthy, and why.
tell_state() {
    local id
    docker compose ps -a --format '{{.Name}} {{.Image}} {{.Status}}' || true
    for id in $(docker compose ps -aq); do
        if [[ $(docker inspect --format '{{.State.Health.Status}}' "$id" 2>/dev/null) != healthy ]]; then
            docker logs --tail 10 "$id" 2>&1 | cut -c 1-300 || true
        fi
    done
}

finish() {
    local code=$?
    [[ -z ${traffic:-} ]] || kill "$traffic" 2>/dev/null || true
    if ((code)); then tell_state; fi
    if [[ ${KEEP:-0} != 1 ]]; then
        docker compose --profile '*' down --volumes --remove-orphans --timeout 10 >/dev/null 2>&1 || true
        rm -rf "$work"
    fi
    exit "$code"
}
trap finish EXIT

request() { curl -ksS --max-time 30 "$@"; }
log_in() { request "$edge/api/users/auth/login" -H 'Content-Type: application/json' -d "$admin" | jq -er .access_token; }
ask() { request "$edge/api/ai/chat" -H "Authorization: Bearer $(log_in)" -H 'Content-Type: application/json' -d "$question"; }

# until_true SECONDS COMMAND...: asks again and again; there is no event to wait for on this side of a
# system that is coming back.
until_true() {
    local deadline=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        ((SECONDS < deadline)) || return 1
        sleep 0.5
    done
}

synchronised() {
    request "$edge/api/1c/sync/jobs?limit=5" -H "Authorization: Bearer $(log_in)" |
        jq -e 'any(.items[]; .state == "succeeded")'
}
answers() { ask | jq -e '(.answer | length) > 0 and (.citations | length) > 0'; }

# start_traffic NAME RATE
start_traffic() {
    python3 docker/checks/traffic.py --url "$edge" --seconds 1800 --rate "$2" --allow 1000000 --login "$admin" \
        --started "$work/$1.started" --report "$work/$1.json" >/dev/null &
    traffic=$!
    until_true 60 test -e "$work/$1.started" || fail "the traffic did not start"
}
stop_traffic() {
    kill -TERM "$traffic"
    wait "$traffic" || true
    traffic=
}

build() {
    step "images"
    docker/scripts/docker-build.sh all
    docker/scripts/docker-build.sh summary
}

start() {
    step "docker compose up -d --wait, without .env"
    [[ ! -e .env ]] || fail "this check is of a clean clone; there is a .env"
    local began=$SECONDS
    docker compose up -d --wait --no-build --quiet-pull
    echo "healthy after $((SECONDS - began)) s"
    until_true 120 synchronised || fail "the demo base was not synchronised"
}

question() {
    step "the main question through nginx on 443"
    local truth
    ask | tee "$work/answer.json" | jq -r '.answer' | head -n 1
    truth=$(docker compose exec -T onec-demo /onec-demo truth receivables --date "$(TZ=Europe/Moscow date +%F)" | jq -cS .totals)
    echo "truth:  $truth"
    local receivables
    receivables=$(request "$edge/api/1c/reports/receivables?limit=1" -H "Authorization: Bearer $(log_in)" | jq -cS .totals)
    echo "report: $receivables"
    [[ $receivables == "$truth" ]] || fail "the report differs from the truth"
    jq -e '(.citations | length) > 0' "$work/answer.json" >/dev/null || fail "no citation"
    [[ $(request -o /dev/null -w '%{http_code}' "$edge/api/ai/chat" -d '{}') == 401 ]] || fail "no token must give 401"
    [[ $(request -o /dev/null -w '%{http_code}' "http://$BIND_ADDRESS/") == 308 ]] || fail "HTTP must lead to HTTPS"
    [[ $(request -o /dev/null -w '%{http_version}' "$edge/healthz") == 2 ]] || fail "HTTP/2 is not spoken"
    request -N "$edge/api/ai/chat" -H "Authorization: Bearer $(log_in)" -H 'Content-Type: application/json' \
        -H 'Accept: text/event-stream' -d "$question" | grep -c '^event:' | sed 's/$/ events in the stream/'
}

monitoring() {
    step "Prometheus sees everything, and no expression of dashboards and alerts is empty"
    docker compose --profile metrics up -d --wait --no-build prometheus alertmanager node-exporter postgres-exporter redis-exporter
    # What Prometheus would otherwise learn from the first nightly backup.
    docker/scripts/docker-dev.sh backup --verify --dir "$work/backups" >/dev/null
    bash -euo pipefail -c 'for part in common metrics secrets; do source "docker/scripts/lib/$part.sh"; done
        write_certificate_metrics'
    start_traffic monitoring 6
    trouble
    local venv=${CHECKS_VENV:-target/checks-venv}
    "$venv/bin/python" docker/checks/check_live.py --prometheus "http://$BIND_ADDRESS:9090" --wait 240
    stop_traffic
    jq -c '{requests, failures, p95_seconds}' "$work/monitoring.json"
}

# What goes wrong in every company: a mistyped password, a path that is none, 1C away for a moment.
trouble() {
    request -o /dev/null "$edge/api/users/auth/login" -H 'Content-Type: application/json' \
        -d '{"email":"admin@demo.local","password":"wrong-password"}'
    request -o /dev/null "$edge/api/ai/nothing" -H "Authorization: Bearer $(log_in)"
    request -o /dev/null "$edge/api/analytics/reports/generate?wait=20" -H "Authorization: Bearer $(log_in)" \
        -H 'Content-Type: application/json' -d '{"report":"receivables","format":"xlsx","parameters":{}}'
    request -o /dev/null "$edge/api/security/audit/log" -H "Authorization: Bearer $(log_in)" \
        -H 'Content-Type: application/json' -d '{"action":"check.run","outcome":"success"}'
}

logs() {
    step "log lines have ECS names and can be shipped"
    # Adds an infobase that cannot be reached: reports then ask which one is meant.
    THROWAWAY=1 docker/checks/logs.sh
}

scenarios() {
    step "the operator's own checks: health and load"
    docker/scripts/docker-dev.sh start
    docker/scripts/docker-dev.sh health
    docker/scripts/docker-dev.sh load-test
}

# After everything else on this project: it uses up the logins that an address has in a minute.
attacks() {
    step "the operator's own checks: attacks"
    docker/scripts/docker-dev.sh security-test
}

kill_each() {
    step "each container killed in turn under light traffic"
    local service id pid
    start_traffic kill 4
    for service in user-management 1c-integration ai-assistant analytics security api-gateway onec-demo redis \
        postgres_user postgres_1c postgres_ai postgres_analytics postgres_security nginx; do
        id=$(docker compose ps -q "$service" | sed -n 1p)
        pid=$(docker inspect --format '{{.State.Pid}}' "$id")
        # The process, as a crash would end it: what `docker kill` ends is not started again.
        local began=$SECONDS
        kill -KILL "$pid"
        until_true 30 changed "$id" "$pid" || fail "$service was not started again"
        until_true 90 healthy "$id" || fail "$service is not healthy again"
        until_true 60 answers || fail "no answer after $service had been killed"
        echo "$service: answers again after $((SECONDS - began)) s"
    done
    stop_traffic
    jq -c '{requests, failures, p95_seconds}' "$work/kill.json"
}
changed() { [[ $(docker inspect --format '{{.State.Pid}}' "$1") != "$2" && $(docker inspect --format '{{.State.Running}}' "$1") == true ]]; }
healthy() { [[ $(docker inspect --format '{{.State.Health.Status}}' "$1") == healthy ]]; }

backup() {
    step "backup, everything destroyed, restore, the same answers"
    local before after archive
    before=$(ask | jq -cS '{answer: (.answer | split("\n")[0])}')
    BACKUP_DIR=$work/backups docker/scripts/docker-dev.sh backup
    archive=$(find "$work/backups" -name 'ai1c-*' ! -name '*.sha256' | sed -n 1p)
    docker compose down --volumes --timeout 20 >/dev/null 2>&1
    docker compose up -d --wait --no-build >/dev/null 2>&1
    BACKUP_DIR=$work/backups docker/scripts/docker-dev.sh restore "$archive" --yes --no-safety
    until_true 60 answers || fail "no answer after the restore"
    after=$(ask | jq -cS '{answer: (.answer | split("\n")[0])}')
    echo "before: $before"
    echo "after:  $after"
    [[ $before == "$after" ]] || fail "the answers differ"
}

# The production files, with secrets made for the purpose.
production() {
    export ENVIRONMENT=production DOCKER_REGISTRY=ai-assistants-1c COMPOSE_PROFILES=databases,demo
    export SECRETS_DIR=$work/secrets TLS_DIR=$work/tls JWT_ISSUER=$edge ADMIN_EMAIL=admin@demo.local
    export ONEC_SERVER_URL=http://onec-demo:8090/demo/odata/standard.odata/ ONEC_USERNAME=odata ONEC_NAME=Demo ONEC_PASSWORD=odata-demo
    export RATE_LIMIT_USER=6000 RATE_LIMIT_CHAT=600 DEPLOY_STATE_DIR=$work/state BACKUP_DIR=$work/backups
    export METRICS_DIR=$work/metrics
    # Less than the defaults, so that the check is shorter; still more than one of what matters.
    export USER_MANAGEMENT_REPLICAS=1 DEPLOY_SOAK=3
    export COMPOSE_FILE=docker-compose.yml:docker-compose.prod.yml
    if [[ ! -d $SECRETS_DIR ]]; then
        mkdir -p "$METRICS_DIR"
        bash -euo pipefail -c 'for part in common metrics secrets; do source "docker/scripts/lib/$part.sh"; done
            make_secrets "$SECRETS_DIR"; make_certificate "$TLS_DIR"'
    fi
    admin=$(jq -cn --arg password "$(cat "$SECRETS_DIR/admin_password")" '{email: "admin@demo.local", $password}')
}

deploy() {
    step "a new tag with traffic running: no request may fail"
    docker compose --profile '*' down --volumes --timeout 10 >/dev/null 2>&1
    production
    local name
    for name in api-gateway ai-assistant 1c-integration user-management analytics security onec-demo; do
        docker tag "ai-assistants-1c/$name:dev" "ai-assistants-1c/$name:check-1"
        printf 'FROM ai-assistants-1c/%s:dev\nLABEL org.opencontainers.image.version=check-2\n' "$name" |
            docker build -q -t "ai-assistants-1c/$name:check-2" - >/dev/null
    done
    IMAGE_TAG=check-1 docker/scripts/docker-deploy.sh deploy --no-pull
    export IMAGE_TAG=check-1
    until_true 120 synchronised || fail "the demo base was not synchronised"
    start_traffic deploy 10
    IMAGE_TAG=check-2 docker/scripts/docker-deploy.sh deploy --no-pull
    stop_traffic
    jq -c . "$work/deploy.json"
    jq -e '.failures == 0 and .requests > 100' "$work/deploy.json" >/dev/null || fail "requests were lost"
    [[ $(docker/scripts/docker-deploy.sh status) == *check-2* ]] || fail "check-2 does not run"

    step "rollback with traffic running"
    start_traffic rollback 10
    IMAGE_TAG=check-2 docker/scripts/docker-deploy.sh rollback
    stop_traffic
    jq -c . "$work/rollback.json"
    jq -e '.failures == 0' "$work/rollback.json" >/dev/null || fail "requests were lost"
}

broken() {
    step "a broken tag: back by itself, no request lost"
    production
    local name
    for name in api-gateway ai-assistant 1c-integration user-management analytics security; do
        docker tag "ai-assistants-1c/$name:dev" "ai-assistants-1c/$name:check-3"
    done
    # The assistant of this version migrates, but does not come up: two listeners want one port. What was
    # replaced before it has to go back.
    printf 'FROM ai-assistants-1c/ai-assistant:dev\nENV ADMIN_PORT=8000\n' |
        docker build -q -t ai-assistants-1c/ai-assistant:check-3 - >/dev/null
    printf 'FROM ai-assistants-1c/user-management:dev\nLABEL org.opencontainers.image.version=check-3\n' |
        docker build -q -t ai-assistants-1c/user-management:check-3 - >/dev/null
    start_traffic broken 10
    local code=0
    DEPLOY_TIMEOUT=20 IMAGE_TAG=check-3 docker/scripts/docker-deploy.sh deploy --no-pull --no-backup || code=$?
    stop_traffic
    jq -c . "$work/broken.json"
    ((code == 3)) || fail "the exit code is $code, not 3"
    jq -e '.failures == 0' "$work/broken.json" >/dev/null || fail "requests were lost"
    docker/scripts/docker-deploy.sh status
    [[ $(docker/scripts/docker-deploy.sh status) != *check-3* ]] || fail "something of check-3 still runs"
}

stack() {
    step "one file for Docker Swarm"
    production
    IMAGE_TAG=check-1 docker/scripts/docker-deploy.sh stack >"$work/stack.json"
    docker stack config --compose-file "$work/stack.json" >"$work/stack.yml"
    grep -c 'order: start-first' "$work/stack.yml" | sed 's/$/ rolling updates in it/'
}

steps=("$@")
((${#steps[@]})) || steps=(build start question monitoring kill backup scenarios logs attacks deploy broken stack)
for name in "${steps[@]}"; do
    case $name in
        build | start | question | monitoring | logs | backup | scenarios | attacks | deploy | broken | stack) "$name" ;;
        kill) kill_each ;;
        *) fail "unknown step $name" ;;
    esac
done
step "all of it works: ${steps[*]}"
