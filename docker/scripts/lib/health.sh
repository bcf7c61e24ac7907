# shellcheck shell=bash
# Whether the parts work. Sourced after common.sh, databases.sh, redis.sh and api.sh.

# service_addresses SERVICE: where /health of each container is asked: at its own address in a network
# that this machine reaches.
service_addresses() {
    local id address
    for id in $(compose ps -q "$1" 2>/dev/null); do
        address=$(docker container inspect --format \
            '{{range .NetworkSettings.Networks}}{{.IPAddress}} {{end}}' "$id" | awk '{ print $1 }')
        if [[ -n $address ]]; then printf '%s %s:%s\n' "$id" "$address" "${SERVICE_PORT[$1]}"; fi
    done
}

# ask_health ADDRESS: prints the answer of /health; false when there is none. The containers' own
# addresses are asked first; where this machine does not reach them (Docker on another system's virtual
# machine) the published port is.
ask_health() {
    curl --silent --noproxy '*' --max-time "${HEALTH_TIMEOUT:-5}" "http://$1/health"
}

# service_health SERVICE: one word (ok, down, absent, or what the engine says of the container) and a
# detail. True when it works.
service_health() {
    local id address state answer=ok line lines
    lines=$(service_addresses "$1")
    if [[ -z $lines ]]; then
        id=$(compose ps -aq "$1" 2>/dev/null | sed -n 1p)
        if [[ -n $id ]]; then echo "down $(text контейнер container) $(container_health "$id")"; else echo "absent $(text 'контейнера нет' 'no container')"; fi
        return 1
    fi
    while read -r id address; do
        line=$(ask_health "$address") || line=${line:-$(ask_health "$(reachable_address):${SERVICE_PORT[$1]}")} || true
        if [[ -z $line ]]; then
            state=$(container_health "$id")
            echo "down $(text "не отвечает" "no answer"), $state"
            return 1
        fi
        if [[ $(sed -n 's/.*"status":"\([a-z_]*\)".*/\1/p' <<<"$line") != ok ]]; then
            echo "down $(head -c 200 <<<"$line")"
            return 1
        fi
        answer=$(sed -n 's/.*"version":"\([^"]*\)".*/\1/p' <<<"$line")
    done <<<"$lines"
    echo "ok $(text версия version) ${answer:--} ×$(wc -l <<<"$lines")"
}

# server_health SERVER: the same for a PostgreSQL server.
server_health() {
    local answer
    if database_external "$1"; then echo "external ${DATABASE_URL_VARIABLE[$1]}"; return; fi
    if answer=$(server_psql "$1" "${DATABASE[$1]}" -At -c \
        "select 'PostgreSQL ' || current_setting('server_version') || ', ' || pg_size_pretty(pg_database_size(current_database()))" 2>&1); then
        echo "ok $answer"
    else
        echo "down $(tail -n 1 <<<"$answer")"
        return 1
    fi
}

redis_health() {
    local answer
    if redis_external; then echo "external REDIS_URL"; return; fi
    if answer=$(redis_cli PING 2>&1) && [[ $answer == PONG ]]; then
        echo "ok Redis $(redis_info server redis_version), $(redis_info memory used_memory_human)"
    else
        echo "down $(tail -n 1 <<<"$answer")"
        return 1
    fi
}

# nginx_health: that it answers by HTTPS, and that the gateway answers behind it.
nginx_health() {
    local code
    edge_options
    code=$(EDGE_TIMEOUT=10 curl "${EDGE_OPTIONS[@]}" --output /dev/null --write-out '%{http_code}' \
        "$(edge_address)/api/users/health" 2>/dev/null) || true
    if [[ $code == 200 ]]; then echo "ok $(edge_address)"; else echo "down $(text "ответ" "answer") ${code:-000}"; return 1; fi
}

# health_table: a line per part; false when one of them does not work.
health_table() {
    local name state detail failed=0
    check() {
        local line
        name=$1
        shift
        line=$("$@") || failed=1
        read -r state detail <<<"$line"
        printf '  %-20s %-9s %s\n' "$name" "$state" "$detail"
    }
    for name in "${SERVICES[@]}"; do check "$name" service_health "$name"; done
    check nginx nginx_health
    for name in "${POSTGRES_SERVICES[@]}"; do check "$name" server_health "$name"; done
    check redis redis_health
    return "$failed"
}
