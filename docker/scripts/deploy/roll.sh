# shellcheck shell=bash
# Replacing what runs, one service after the other. Sourced after replicas.sh and state.sh.
#
# A service is replaced by starting the new replicas beside the old ones, waiting until they are healthy,
# and ending the old ones in order. Names resolve to all replicas, one that does not listen is passed
# over, and one that ends finishes what it has begun: no request is lost.

# Who is needed by others comes first; the gateway last.
ROLL_ORDER=(user-management 1c-integration ai-assistant analytics security api-gateway)

anything_runs() { [[ -n $(compose ps -q api-gateway) ]]; }

fail_untouched() {
    log_deployment "failed: $2" "$(wanted_version)"
    die "$EX_ROLLED_BACK" "Не вышло: $1. Работает прежняя версия, ничего не заменено." "Failed: $2. The previous version runs; nothing was replaced."
}

# Every service brings its own schema up to date, by the new image and before anything is replaced: the
# running version works on the new schema too, since migrations only add.
migrate_all() {
    local service
    for service in ai-assistant 1c-integration user-management analytics security; do
        say "Миграция: $service" "Migrating: $service"
        # A container for this one task: it does not count among the replicas.
        compose run --rm --no-deps -T --name "$(project_name)-migrate-$service" "$service" migrate 2>&1 |
            sed 's/^/  /' || return 1
    done
}

first_deployment() {
    say "Ничего не работает: первый запуск $(wanted_version)." "Nothing runs: starting $(wanted_version) for the first time."
    if ! compose up -d --no-build --wait --wait-timeout "${DEPLOY_TIMEOUT:-120}"; then
        log_deployment "failed: first start" "$(wanted_version)"
        show_status >&2
        die "$EX_STRANDED" "Не запустилось; смотрите журналы: docker compose logs." "It did not start; see docker compose logs."
    fi
    record_deployment "" "$(wanted_version)"
    remember_nginx
    say "Готово: работает $(wanted_version)." "Done: $(wanted_version) runs."
}

# True when everything runs in the wanted version.
roll_all() {
    local service
    for service in "${ROLL_ORDER[@]}"; do
        roll_service "$service" || {
            log_deployment "failed: $service" "$(wanted_version)"
            return 1
        }
    done
    reload_nginx
}

# roll_service SERVICE
roll_service() {
    local service=$1 wanted image id
    local -a old new
    wanted=$(wanted_replicas "$service")
    image=$(docker image inspect --format '{{.Id}}' "$(image_of "$service")") || return 1
    mapfile -t old < <(replicas_of "$service")
    say "Замена: $service, экземпляров ${#old[@]} → $wanted" "Replacing: $service, ${#old[@]} → $wanted replicas"
    if ! compose up -d --no-build --no-deps --no-recreate --scale "$service=$((${#old[@]} + wanted))" "$service" >/dev/null 2>&1; then
        warn "$service: новые экземпляры не создаются" "$service: new replicas cannot be made"
    fi
    mapfile -t new < <(replicas_of "$service" | grep -vxF -f <(printf '%s\n' "${old[@]:-none}"))
    local failed=0
    ((${#new[@]} == wanted)) || failed=1
    for id in "${new[@]}"; do
        if ((failed == 0)) && { ! wait_container "$id" "$(($(date +%s) + ${DEPLOY_TIMEOUT:-120}))" || ! watch_replica "$service" "$id"; }; then
            failed=1
            warn "$service: новый экземпляр ${id:0:12} нездоров" "$service: the new replica ${id:0:12} is not healthy"
            tell_why "$id"
        elif ((failed == 0)) && [[ $(docker inspect --format '{{.Image}}' "$id") != "$image" ]]; then
            failed=1
            warn "$service: образ не тот" "$service: not the image that was asked for"
        fi
    done
    if ((failed)); then
        for id in "${new[@]}"; do end_replica "$id"; done
        return 1
    fi
    # One at a time: the rest takes over while it drains.
    for id in "${old[@]}"; do end_replica "$id"; done
}

# return_to VERSION: after a gate has failed. Services that were not replaced yet run in it anyway.
return_to() {
    warn "Возврат к $1" "Going back to $1"
    use_version "$1"
    local service id wanted stranded=0
    for service in "${ROLL_ORDER[@]}"; do
        # By name and by content: a tag can be moved, and one image can have two tags.
        wanted=$(image_of "$service")
        wanted+=" $(docker image inspect --format '{{.Id}}' "$wanted")" || { stranded=1; continue; }
        for id in $(replicas_of "$service"); do
            if [[ $(docker inspect --format '{{.Config.Image}} {{.Image}}' "$id") != "$wanted" ]]; then
                roll_service "$service" || stranded=1
                break
            fi
        done
    done
    if ((stranded)); then
        log_deployment "failed to return" "$1"
        show_status >&2
        die "$EX_STRANDED" "Вернуть прежнюю версию не удалось целиком." "The previous version could not be brought back whole."
    fi
    log_deployment "returned" "$1"
    die "$EX_ROLLED_BACK" "Не вышло; снова работает $1, данные целы." "Failed; $1 runs again and no data was lost."
}

# What nginx reads: its configuration and the certificate.
nginx_fingerprint() {
    find "$(repo_root)/docker/nginx" "$(tls_dir)" -type f ! -name '*.html' ! -name '*.css' -exec sha256sum {} + |
        LC_ALL=C sort | sha256sum | cut -c 1-16
}

remember_nginx() { nginx_fingerprint >"$(deploy_state_dir)/nginx"; }

# Reads configuration and certificate anew when they have changed. Not otherwise: it ends the connections
# that clients keep, and one that sends at that moment has to send again. A configuration that does not
# hold is told and not used.
reload_nginx() {
    local id
    id=$(compose ps -q nginx | sed -n 1p)
    [[ -n $id && $(cat "$(deploy_state_dir)/nginx" 2>/dev/null) != "$(nginx_fingerprint)" ]] || return 0
    if docker exec "$id" nginx -q -t -c /etc/nginx/site/nginx.conf &&
        docker exec "$id" nginx -c /etc/nginx/site/nginx.conf -s reload 2>/dev/null; then
        remember_nginx
        say "nginx перечитал настройки" "nginx has read its settings anew"
    else
        warn "настройки nginx не годятся; работает с прежними" "the settings of nginx do not hold; it goes on with the previous ones"
    fi
}
