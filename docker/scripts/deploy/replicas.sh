# shellcheck shell=bash
# Starting, watching and ending single replicas. Sourced after common.sh.

# wanted_replicas SERVICE
wanted_replicas() {
    case $1 in
        api-gateway) echo "${GATEWAY_REPLICAS:-2}" ;;
        ai-assistant) echo "${AI_ASSISTANT_REPLICAS:-2}" ;;
        1c-integration) echo "${ONEC_INTEGRATION_REPLICAS:-1}" ;;
        user-management) echo "${USER_MANAGEMENT_REPLICAS:-2}" ;;
        analytics) echo "${ANALYTICS_REPLICAS:-1}" ;;
        security) echo "${SECURITY_REPLICAS:-1}" ;;
    esac
}

# Running replicas, oldest first.
replicas_of() { compose ps -q "$1" | xargs -r docker inspect --format '{{.Created}} {{.Id}}' | LC_ALL=C sort | awk '{ print $2 }'; }

# address_of CONTAINER: one that this machine reaches.
address_of() {
    docker inspect --format '{{range .NetworkSettings.Networks}}{{.IPAddress}} {{end}}' "$1" | awk '{ print $1 }'
}

# admin_metric CONTAINER PORT EXPRESSION: the sum of the samples that awk's EXPRESSION picks.
admin_metric() {
    curl -fsS --max-time 5 "http://$(address_of "$1"):$2/metrics" | awk "$3"' { sum += $NF } END { printf "%d\n", sum }'
}

# watch_replica SERVICE CONTAINER: true when it stays healthy, is not restarted and does not answer
# with errors of its own while it takes its share of the traffic.
watch_replica() {
    local service=$1 id=$2 port all failed restarts
    # shellcheck disable=SC2004
    port=$((SERVICE_PORT[$service] + 1000))
    restarts=$(docker inspect --format '{{.RestartCount}}' "$id")
    # What ends the wait is the time, which is well, or the death of the replica.
    if timeout "${DEPLOY_SOAK:-5}" docker wait "$id" >/dev/null 2>&1; then return 1; fi
    [[ $(container_health "$id") == healthy && $(docker inspect --format '{{.RestartCount}}' "$id") == "$restarts" ]] || return 1
    all=$(admin_metric "$id" "$port" '/^http_requests_total\{/') || return 1
    failed=$(admin_metric "$id" "$port" '/^http_requests_total\{.*status="500"/') || return 1
    # One failure in a few requests says little; a twentieth of many says enough.
    if ((failed >= 2 && failed * 20 > all)); then
        say "  $service: ошибок $failed из $all ответов" "  $service: $failed errors in $all answers" >&2
        return 1
    fi
}

# end_replica CONTAINER: SIGTERM, and the time to finish that the compose file gives.
end_replica() {
    docker stop --time 50 "$1" >/dev/null
    docker rm --force "$1" >/dev/null
}

# tell_why CONTAINER: the last lines of a replica that did not come up.
tell_why() {
    say "  последние строки его журнала:" "  the last lines of its log:" >&2
    docker logs --tail 5 "$1" 2>&1 | cut -c 1-400 | sed 's/^/    /' >&2
}
