# shellcheck shell=bash
# docker-dev.sh health, resources, network, check-deps, architecture: looking without touching.

help_health() {
    say "health
  Спрашивает /health шести служб, nginx, PostgreSQL и Redis. Код выхода 0, если всё работает, иначе 1." \
        "health
  Asks /health of the six services, nginx, PostgreSQL and Redis. Exit code 0 when all work, else 1."
}
run_health() {
    need docker curl
    health_table
}

help_resources() {
    say "resources
  Память и процессор контейнеров сейчас — и их пределы." "resources
  Memory and processor of the containers now, and their limits."
}
run_resources() {
    local id ids
    need docker
    ids=$(compose --profile '*' ps -q)
    [[ -n $ids ]] || die 1 "Ничего не запущено." "Nothing is running."
    {
        printf '%s\t%s\t%s\t%s\t%s\t%s\n' "$(text контейнер container)" "CPU %" "$(text 'из ядер' 'of cores')" \
            "$(text память memory)" "%" PIDs
        # shellcheck disable=SC2086
        docker stats --no-stream --no-trunc --format '{{.ID}}\t{{.Name}}\t{{.CPUPerc}}\t{{.MemUsage}}\t{{.MemPerc}}\t{{.PIDs}}' $ids |
            while IFS=$'\t' read -r id name cpu memory percent pids; do
                printf '%s\t%s\t%s\t%s\t%s\t%s\n' "$name" "$cpu" \
                    "$(docker container inspect --format '{{.HostConfig.NanoCpus}}' "$id" | awk '{ printf "%.2f", $1 / 1e9 }')" \
                    "$memory" "$percent" "$pids"
            done | LC_ALL=C sort
    } | column -t -s $'\t'
    docker system df
}

help_network() {
    say "network
  Сети проекта, кто в них и что опубликовано." "network
  The project's networks, who is in them, and what is published."
}
run_network() {
    local network
    need docker
    for network in $(docker network ls --quiet --filter "label=com.docker.compose.project=$(project_name)"); do
        docker network inspect --format '{{.Name}}  internal={{.Internal}}  mtu={{index .Options "com.docker.network.driver.mtu"}}  {{range .IPAM.Config}}{{.Subnet}}{{end}}
{{range .Containers}}    {{printf "%-40s" .Name}} {{.IPv4Address}}
{{end}}' "$network"
    done
    say "Опубликовано:" "Published:"
    compose --profile '*' ps --format '{{range .Publishers}}{{if .PublishedPort}}  {{.URL}}:{{.PublishedPort}} → {{$.Service}}:{{.TargetPort}}
{{end}}{{end}}' | grep . | LC_ALL=C sort -u || true
}

help_check_deps() {
    say "check-deps
  Есть ли всё нужное: Docker Engine ≥ 20.10, Compose ≥ 2.20 (вне разработки 2.24.4), buildx, программы, память, диск, порты." \
        "check-deps
  Whether all that is needed is there: Docker Engine ≥ 20.10, Compose ≥ 2.20 (2.24.4 outside development),
  buildx, programs, memory, disk, ports."
}

# at_least HAVE WANT: compares versions.
at_least() { [[ $(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1) == "$2" ]]; }

# ports_wanted: what the stack publishes, from the compose file itself.
ports_wanted() {
    compose config --format json | jq -r '.services[] | .ports[]? | select(.published) | "\(.host_ip // "0.0.0.0") \(.published)"' | sort -u
}

run_check_deps() {
    local failed=0 have tool address port busy=() free memory compose_wanted=2.20
    # The production file takes ports away with `!override`.
    if [[ $(environment) != development ]]; then compose_wanted=2.24.4; fi
    line() { printf '  %-12s %-8s %s\n' "$1" "$2" "$3"; [[ $2 != no ]] || failed=1; }
    if have=$(docker version --format '{{.Server.Version}}' 2>/dev/null); then
        if at_least "${have%%+*}" 20.10; then line engine ok "$have"; else line engine no "$have < 20.10"; fi
    else
        line engine no "$(text 'docker не отвечает' 'docker does not answer')"
    fi
    if have=$(docker compose version --short 2>/dev/null); then
        if at_least "${have#v}" "$compose_wanted"; then line compose ok "$have"; else line compose no "$have < $compose_wanted"; fi
    else
        line compose no "$(text 'нет docker compose' 'there is no docker compose')"
    fi
    if have=$(docker buildx version 2>/dev/null); then line buildx ok "$have"; else line buildx no -; fi
    for tool in curl openssl tar gzip flock jq; do
        if command -v "$tool" >/dev/null; then line "$tool" ok "$(command -v "$tool")"; else line "$tool" no "apt-get install $tool"; fi
    done
    memory=$(awk '$1 == "MemTotal:" { print int($2 / 1024) }' /proc/meminfo 2>/dev/null || echo 0)
    # Measured: see docs/operations.md.
    if ((memory >= 3500)); then line memory ok "$memory MB"; else line memory no "$memory MB < 3500 MB"; fi
    free=$(df -Pm "$(docker info --format '{{.DockerRootDir}}' 2>/dev/null || echo /)" 2>/dev/null | awk 'NR == 2 { print $4 }')
    if ((${free:-0} >= 10000)); then line disk ok "$free MB"; else line disk no "${free:-?} MB < 10000 MB"; fi
    if command -v jq >/dev/null && [[ -z $(compose ps -q 2>/dev/null) ]]; then
        while read -r address port; do
            # A connection that is taken means that somebody else has the port.
            if (exec 3<>"/dev/tcp/${address/0.0.0.0/127.0.0.1}/$port") 2>/dev/null; then busy+=("$address:$port"); fi
        done < <(ports_wanted)
        if ((${#busy[@]})); then line ports no "$(text заняты busy): ${busy[*]}"; else line ports ok "$(text свободны free)"; fi
    fi
    return "$failed"
}

help_architecture() {
    say "architecture
  Карта системы с состоянием каждой части." "architecture
  The map of the system with the state of each part."
}

# state_of SERVICE: a mark and a word for the map.
state_of() {
    local id state
    id=$(compose ps -aq "$1" 2>/dev/null | sed -n 1p)
    state=absent
    if [[ -n $id ]]; then state=$(container_health "$id"); fi
    case $state in
        healthy | running) printf '● %s' "$state" ;;
        *) printf '○ %s' "$state" ;;
    esac
}
run_architecture() {
    local server
    need docker
    printf '\n  %s\n        │ 80, 443\n' "$(text 'браузер, curl' 'browser, curl')"
    printf '  %-32s %s\n        │\n' "nginx" "$(state_of nginx)"
    printf '  %-32s %s\n' "api-gateway :3000" "$(state_of api-gateway)"
    for server in "${POSTGRES_SERVICES[@]}"; do
        local service=${DATABASE_SERVICE[$server]} mark
        if database_external "$server"; then mark="↗ external"; else mark=$(state_of "$server"); fi
        printf '        ├── %-22s %-14s ── %s (%s) %s\n' "$service :${SERVICE_PORT[$service]}" "$(state_of "$service")" \
            "$server" "${DATABASE[$server]}" "$mark"
    done
    if redis_external; then
        printf '        └── %-22s ↗ external\n' redis
    else
        printf '        └── %-22s %s\n' "redis :6379" "$(state_of redis)"
    fi
    if [[ $(environment) == development ]]; then printf '\n  %-32s %s\n' "onec-demo :8090" "$(state_of onec-demo)"; fi
    printf '\n  %s:\n' "$(text мониторинг monitoring)"
    for server in $(comm -13 <(compose config --services | sort) <(compose --profile monitoring config --services | sort)); do
        printf '    %-28s %s\n' "$server" "$(state_of "$server")"
    done
}
