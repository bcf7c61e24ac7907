# shellcheck shell=bash
# shellcheck disable=SC2034
# docker-dev.sh start, stop, restart, clean, logs, monitor: the life of the containers.

help_start() {
    say "start [СЕРВИС...]
  Собирает образы, если их нет, запускает и ждёт готовности. Без имён — всё; в разработке с демо-базой
  ещё заводит демо-пользователей и печатает адреса, логины и настоящий вопрос с настоящим ответом." \
        "start [SERVICE...]
  Builds images when they are missing, starts, waits until all is healthy. Without names: everything; in
  development with the demo base it also makes the demo users and prints addresses, logins and a real
  question with its real answer."
}

# images_missing [SERVICE...]: of those (of all, by default) our images that the engine does not have.
images_missing() {
    local name names=("${SERVICES[@]}")
    if [[ $(environment) == development ]]; then names+=(onec-demo); fi
    for name in "${names[@]}"; do
        if (($#)) && ! printf '%s\n' "$@" | grep -qxF -- "$name"; then continue; fi
        docker image inspect "$(image_of "$name")" >/dev/null 2>&1 || printf '%s\n' "$name"
    done
}

run_start() {
    local missing
    need docker curl
    check_services "$@"
    missing=$(images_missing "$@")
    if [[ -n $missing ]]; then
        if [[ $(environment) == development ]]; then
            say "собираются образы: ${missing//$'\n'/ }" "building images: ${missing//$'\n'/ }"
            "$SCRIPTS/docker-build.sh" all
        else
            compose pull --quiet "${SERVICES[@]}"
        fi
    fi
    mkdir -p "$(metrics_dir)"
    compose up -d --no-build --wait --wait-timeout "${START_TIMEOUT:-300}" "$@" || {
        compose ps -a
        die "$EX_UNAVAILABLE" "Не всё запустилось: docker-dev.sh logs СЕРВИС" "Not everything has started: docker-dev.sh logs SERVICE"
    }
    if (($#)); then
        compose ps "$@"
        return
    fi
    print_addresses
    if demo_base; then greet; else say "Администратор: $(admin_email)" "Administrator: $(admin_email)"; fi
}

# greet: the demo users and the first question.
greet() {
    local role
    if ! command -v jq >/dev/null; then
        warn "нет jq: демо-пользователи не заведены (apt-get install jq)" "jq is missing: no demo users are made (apt-get install jq)"
        return
    fi
    API_TOKEN=$(log_in "$(admin_email)" "$(admin_password)") ||
        die 1 "Вход администратора $(admin_email) не удался: данные старше секретов? См. docker-dev.sh setup --help" \
            "The administrator $(admin_email) cannot log in: are the data older than the secrets? See docker-dev.sh setup --help"
    wait_synchronised "${SYNC_TIMEOUT:-300}"
    make_demo_users
    say "
  Логины, пароль $(admin_password):" "
  Logins, password $(admin_password):"
    for role in "${DEMO_ROLES[@]}"; do
        if [[ $role == admin ]]; then printf '  %-12s %s\n' admin "$(admin_email)"; else printf '  %-12s %s\n' "$role" "$role@demo.local"; fi
    done
    API_TOKEN=$(log_in accountant@demo.local "$(admin_password)")
    ask "$DEMO_QUESTION"
}

print_addresses() {
    local name edge
    edge=$(edge_address)
    # The name localhost leads to 127.0.0.1 only.
    if [[ -z ${SERVER_NAME:-} ]]; then edge=${edge/localhost/$(reachable_address)}; fi
    printf '\n  %-18s %s\n' nginx "$edge"
    if [[ $(environment) != development ]]; then return; fi
    for name in "${SERVICES[@]}"; do printf '  %-18s http://%s:%s\n' "$name" "$(bind_address)" "${SERVICE_PORT[$name]}"; done
    printf '  %-18s http://%s:8090\n' onec-demo "$(bind_address)"
}

help_stop() {
    say "stop [СЕРВИС...]
  Останавливает; данные остаются." "stop [SERVICE...]
  Stops; data stay."
}
run_stop() {
    check_services "$@"
    # Containers of profiles belong to the project, too.
    compose --profile '*' stop "$@"
}

help_restart() {
    say "restart [СЕРВИС...]
  Перезапускает и ждёт готовности; файлы секретов при этом читаются заново." "restart [SERVICE...]
  Restarts and waits until healthy; files of secrets are read anew."
}
run_restart() {
    check_services "$@"
    local name names=("$@")
    compose restart "$@"
    if ((${#names[@]} == 0)); then mapfile -t names < <(compose ps --services); fi
    for name in "${names[@]}"; do
        wait_healthy "$name" "${START_TIMEOUT:-300}" || die "$EX_UNAVAILABLE" "$name не запустился" "$name did not start"
    done
    compose ps
}

help_logs() {
    say "logs [СЕРВИС] [-f] [--tail N]
  Журналы; ключи — как у docker compose logs." "logs [SERVICE] [-f] [--tail N]
  Logs; options are those of docker compose logs."
}
run_logs() {
    local argument names=() options=()
    for argument in "$@"; do
        case $argument in -* | [0-9]*) options+=("$argument") ;; *) names+=("$argument") ;; esac
    done
    check_services "${names[@]}"
    if [[ ${#options[@]} -eq 0 ]]; then options=(--tail 200); fi
    compose logs "${options[@]}" "${names[@]}"
}

help_clean() {
    say "clean [--yes] [--images] [--keep-data]
  Удаляет контейнеры, сети и ДАННЫЕ (тома) проекта. Сначала спрашивает. --images — и наши образы;
  --keep-data — тома остаются. Секреты, .env и резервные копии не трогает." \
        "clean [--yes] [--images] [--keep-data]
  Removes containers, networks and DATA (volumes) of the project. Asks first. --images: our images, too;
  --keep-data: volumes stay. Secrets, .env and backups are not touched."
}
run_clean() {
    local options=(--remove-orphans) images=0 data=1 name
    while (($#)); do
        case $1 in
            --yes | -y) AI1C_YES=1 ;;
            --images) images=1 ;;
            --keep-data) data=0 ;;
            *) usage_error "clean: не понимаю $1" "clean: what is $1?" ;;
        esac
        shift
    done
    if ((data)); then
        options+=(--volumes)
        confirm "Удалить контейнеры и ВСЕ ДАННЫЕ проекта $(project_name)?" \
            "Remove the containers and ALL DATA of the project $(project_name)?" ||
            die "$EX_REFUSED" "Отменено, ничего не тронуто." "Cancelled, nothing was touched."
    else
        confirm "Удалить контейнеры проекта $(project_name)?" "Remove the containers of the project $(project_name)?" ||
            die "$EX_REFUSED" "Отменено, ничего не тронуто." "Cancelled, nothing was touched."
    fi
    compose --profile '*' down "${options[@]}"
    if ((images)); then
        for name in "${SERVICES[@]}" onec-demo; do
            if docker image inspect "$(image_of "$name")" >/dev/null 2>&1; then docker image rm "$(image_of "$name")"; fi
        done
    fi
}

help_monitor() {
    say "monitor
  Запускает профиль monitoring (Prometheus, Alertmanager, Grafana, экспортёры, Elasticsearch, Kibana,
  Filebeat) и печатает адреса. Если какой-то образ не скачать, говорит какой и запускает остальное." \
        "monitor
  Starts the profile monitoring (Prometheus, Alertmanager, Grafana, exporters, Elasticsearch, Kibana,
  Filebeat) and prints addresses. When an image cannot be had, says which and starts the rest."
}

# monitoring_services: those that only the profile has.
monitoring_services() {
    comm -13 <(compose config --services | sort) <(compose --profile monitoring config --services | sort)
}

# service_image SERVICE
service_image() { compose --profile monitoring config --images "$1" | sed -n 1p; }

run_monitor() {
    local name image wanted=() absent=()
    need docker jq
    local -A image_of_service=()
    while IFS=$'\t' read -r name image; do image_of_service[$name]=$image; done < <(
        compose --profile monitoring config --format json | jq -r '.services | to_entries[] | "\(.key)\t\(.value.image)"'
    )
    for name in $(monitoring_services); do
        image=${image_of_service[$name]}
        if docker image inspect "$image" >/dev/null 2>&1 || timeout "${PULL_TIMEOUT:-600}" docker pull --quiet "$image" >/dev/null 2>&1; then
            wanted+=("$name")
        else
            absent+=("$name")
            warn "$name: образ $image не скачать" "$name: the image $image cannot be had"
        fi
    done
    # What needs something that cannot run cannot run either.
    mapfile -t wanted < <(compose --profile monitoring config --format json | jq -r --args '
        $ARGS.positional as $names | .services | to_entries[]
        | select(.key | IN($names[]))
        | select((.value.depends_on // {}) | to_entries | map(select(.value.required != false) | .key)
                 | all(IN($names[]) or (startswith("postgres") or . == "redis")))
        | .key' "${wanted[@]}")
    ((${#wanted[@]})) || die "$EX_UNAVAILABLE" "Запускать нечего." "There is nothing to start."
    mkdir -p "$(metrics_dir)"
    compose --profile monitoring up -d --no-build "${wanted[@]}"
    for name in "${wanted[@]}"; do
        wait_healthy "$name" 120 || warn "$name не готов: docker-dev.sh logs $name" "$name is not ready: docker-dev.sh logs $name"
    done
    say "
  Мониторинг:" "
  Monitoring:"
    for name in "${wanted[@]}"; do
        printf '  %-20s %s\n' "$name" "$(compose --profile monitoring ps --format '{{range .Publishers}}{{if .PublishedPort}}http://{{.URL}}:{{.PublishedPort}} {{end}}{{end}}' "$name")"
    done
    if ((${#absent[@]})); then say "  не запущены: ${absent[*]}" "  not started: ${absent[*]}"; fi
}
