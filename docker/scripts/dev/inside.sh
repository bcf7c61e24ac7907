# shellcheck shell=bash
# docker-dev.sh shell, database, redis, optimize: looking inside.

help_shell() {
    say "shell СЕРВИС [КОМАНДА...]
  В образах служб нет оболочки. Рядом запускается контейнер ${DEBUG_IMAGE:-busybox:1.37} (DEBUG_IMAGE) с теми же
  процессами и сетью: ps видит службу, wget — её порты на 127.0.0.1. Её файлы — в /proc/1/root.
  В контейнер PostgreSQL, Redis и nginx открывается их собственная оболочка." \
        "shell SERVICE [COMMAND...]
  Images of services have no shell. A container of ${DEBUG_IMAGE:-busybox:1.37} (DEBUG_IMAGE) is started beside, with the
  same processes and network: ps sees the service, wget its ports on 127.0.0.1. Its files are in
  /proc/1/root. In PostgreSQL, Redis and nginx their own shell is opened."
}
run_shell() {
    local service=${1:-} id options=(-i) user
    [[ -n $service ]] || usage_error "shell: назовите службу" "shell: name a service"
    shift
    check_services "$service"
    if [[ -t 0 ]]; then options+=(-t); fi
    id=$(compose --profile '*' ps -q "$service" | sed -n 1p)
    [[ -n $id ]] || die "$EX_UNAVAILABLE" "$service не запущен" "$service is not running"
    (($#)) || set -- sh
    case $service in
        postgres_* | redis | nginx) exec docker exec "${options[@]}" "$id" "$@" ;;
    esac
    # Of the service's own user: /proc/1/root is open to the same user only (and to whoever may trace).
    user=$(docker container inspect --format '{{.Config.User}}' "$id")
    say "файлы службы: /proc/1/root" "files of the service: /proc/1/root" >&2
    exec docker run --rm "${options[@]}" --pid "container:$id" --network "container:$id" --user "${user:-0}" \
        --cap-drop ALL --security-opt no-new-privileges "${DEBUG_IMAGE:-busybox:1.37}" "$@"
}

help_database() {
    say "database [БАЗА|СЛУЖБА] [аргументы psql]
  psql в контейнере базы (по умолчанию user-management). Базы: ${DATABASE[*]}." \
        "database [DATABASE|SERVICE] [arguments of psql]
  psql in the container of the database (user-management by default). Databases: ${DATABASE[*]}."
}
run_database() {
    local server=postgres_user options=()
    if (($#)) && [[ $1 != -* ]]; then
        server=$(server_of "$1") || usage_error "нет базы $1; есть: ${DATABASE[*]}" "no database $1; there are: ${DATABASE[*]}"
        shift
    fi
    if database_external "$server"; then
        die "$EX_UNAVAILABLE" "База внешняя: psql \"\$${DATABASE_URL_VARIABLE[$server]}\"" \
            "The database is external: psql \"\$${DATABASE_URL_VARIABLE[$server]}\""
    fi
    if [[ ! -t 0 || ! -t 1 ]]; then options=(-T); fi
    compose exec "${options[@]}" "$server" psql -X -U postgres -d "${DATABASE[$server]}" "$@"
}

help_redis() {
    say "redis [команда]
  redis-cli в контейнере; пароль берётся из файла секрета и не виден в командной строке." "redis [command]
  redis-cli in the container; the password comes from the file of the secret and is on no command line."
}
run_redis() {
    local options=()
    if [[ ! -t 0 || ! -t 1 ]]; then options=(-T); fi
    # shellcheck disable=SC2016
    compose exec "${options[@]}" redis sh -c 'REDISCLI_AUTH=$(cat /run/secrets/redis_password) exec redis-cli "$@"' sh "$@"
}

help_optimize() {
    say "optimize
  VACUUM ANALYZE пяти баз, отчёт о памяти Redis, размеры баз, журналов и образов, советы." "optimize
  VACUUM ANALYZE of the five databases, a report on Redis's memory, sizes of databases, logs and images, advice."
}
run_optimize() {
    local server before after id file size used limit fragmentation
    need docker
    for server in $(own_servers); do
        before=$(server_psql "$server" "${DATABASE[$server]}" -At -c 'select pg_database_size(current_database())')
        server_psql "$server" "${DATABASE[$server]}" -c 'vacuum (analyze, skip_locked)'
        after=$(server_psql "$server" "${DATABASE[$server]}" -At -c 'select pg_database_size(current_database())')
        printf '  %-12s %s → %s  %s\n' "${DATABASE[$server]}" "$(numfmt --to=iec "$before")" "$(numfmt --to=iec "$after")" \
            "$(server_psql "$server" "${DATABASE[$server]}" -At -F ' ' -c "
                select coalesce(string_agg(relname || '=' || pg_size_pretty(pg_total_relation_size(relid)), ', '), '')
                from (select relid, relname from pg_stat_user_tables order by pg_total_relation_size(relid) desc limit 3) t")"
        # Reads that miss the cache cost a disk access each.
        server_psql "$server" "${DATABASE[$server]}" -At -c "
            select '  ! ' || datname || ': ' || $(if russian; then echo "'попаданий в кэш '"; else echo "'cache hits '"; fi) ||
                   round(100.0 * blks_hit / (blks_hit + blks_read), 1) || ' %: POSTGRES_SHARED_BUFFERS'
            from pg_stat_database where datname = current_database()
              and blks_hit + blks_read > 100000 and blks_hit < 0.95 * (blks_hit + blks_read)"
    done
    if ! redis_external; then
        used=$(redis_info memory used_memory)
        limit=$(redis_info memory maxmemory)
        fragmentation=$(redis_info memory mem_fragmentation_ratio)
        printf '  %-12s %s / %s, %s %s, %s %s\n' redis "$(numfmt --to=iec "$used")" "$(numfmt --to=iec "${limit:-0}")" \
            "$(text ключей keys)" "$(redis_cli DBSIZE)" "$(text фрагментация fragmentation)" "$fragmentation"
        if ((limit > 0 && used * 10 > limit * 8)); then
            warn "Redis занял больше 80 % памяти: поднимите maxmemory в docker/redis/redis.conf" \
                "Redis uses more than 80 % of its memory: raise maxmemory in docker/redis/redis.conf"
        fi
    fi
    say "  журналы контейнеров:" "  logs of containers:"
    for id in $(compose --profile '*' ps -aq); do
        file=$(docker container inspect --format '{{.LogPath}}' "$id")
        # Only root can look into the engine's folder.
        if size=$(du -bc "$file"* 2>/dev/null | tail -n 1 | cut -f1) && ((size > 0)); then
            printf '    %-40s %s\n' "$(docker container inspect --format '{{.Name}}' "$id")" "$(numfmt --to=iec "$size")"
        fi
    done | LC_ALL=C sort
    say "  образы:" "  images:"
    for file in "${SERVICES[@]}" onec-demo; do
        if size=$(docker image inspect --format '{{.Size}}' "$(image_of "$file")" 2>/dev/null); then
            printf '    %-40s %s\n' "$file" "$(numfmt --to=iec "$size")"
        fi
    done
    size=$(docker image ls --quiet --filter dangling=true --filter label=org.opencontainers.image.vendor="AI Assistants for 1C" | wc -l)
    if ((size)); then
        say "  ! образов без имени, оставшихся от сборок: $size (docker/scripts/clean-logs.sh)" \
            "  ! images without a name, left over from builds: $size (docker/scripts/clean-logs.sh)"
    fi
}
