# shellcheck shell=bash
# Restoring a backup into containers that nobody else sees, and comparing. Sourced after common.sh,
# databases.sh, redis.sh and archive.sh.

# rows_of: reads, by psql with the given arguments, what dump_database wrote into <database>.rows.
rows_of() {
    "$@" -At -F $'\t' <<'SQL' | LC_ALL=C sort
set timezone = 'UTC';
select format('select %L, count(*), coalesce(sum(hashtextextended(t::text, 0)::numeric), 0) from %I.%I t',
              schemaname || '.' || tablename, schemaname, tablename)
from pg_tables where schemaname !~ '^pg_' and schemaname <> 'information_schema' order by 1 \gexec
SQL
}

# roles_sql FILE: the roles of a backup for a server that has some of them already. Passwords are not in
# it: those of the secrets count. \restrict goes, since under it psql refuses \gexec.
roles_sql() {
    sed -E "/^\\\\(un)?restrict /d; s/^CREATE ROLE (.+);$/select 'create role \1' where not exists (select from pg_roles where quote_ident(rolname) = \$role\$\1\$role\$) \\\\gexec/" "$1"
}

# database_settings_sql FOLDER DATABASE NEW: who may connect and what ALTER DATABASE has set, from the
# dump, for a database of another name. A dump restores these only together with its own name.
database_settings_sql() {
    sed -nE "/^(GRANT|REVOKE) .* ON DATABASE $2 |^ALTER DATABASE $2 SET /s/ DATABASE $2 / DATABASE $3 /p"
}

# scratch_psql CONTAINER DATABASE ARGUMENTS...
scratch_psql() {
    local container=$1 database=$2
    shift 2
    docker exec -i -e PGOPTIONS='-c client_min_messages=warning' "$container" psql -X -q -v ON_ERROR_STOP=1 -U postgres -d "$database" "$@"
}

# verify_backup FOLDER: restores the unpacked backup into a PostgreSQL and a Redis without a network,
# and compares every table and the keys with what was counted when it was made.
verify_backup() {
    local folder=$1 image=${POSTGRES_IMAGE:-postgres:17.6-bookworm} storage=() size free id result=0
    need docker
    size=$(awk '$1 ~ /^database_/ { sum += $3 } END { printf "%.0f", sum }' "$folder/manifest")
    free=$(awk '$1 == "MemAvailable:" { printf "%.0f", $2 * 1024 }' /proc/meminfo 2>/dev/null || echo 0)
    # In memory while it is small beside what is free; else on disk, in a volume that goes with the container.
    if ((size * 4 < free)); then storage=(--tmpfs /var/lib/postgresql/data); fi
    id=$(docker run -d --network none "${storage[@]}" --label ai1c.scratch=1 \
        -e POSTGRES_PASSWORD="$(openssl rand -hex 16)" "$image" \
        postgres -c fsync=off -c full_page_writes=off -c max_wal_size=4GB) || return 1
    # shellcheck disable=SC2064
    trap "docker rm -fv $id >/dev/null 2>&1 || true" RETURN
    if ! scratch_ready "$id"; then
        docker logs --tail 20 "$id" >&2
        return 1
    fi
    local dump name
    for dump in "$folder"/*.dump; do
        name=$(basename "$dump" .dump)
        if ! verify_database "$id" "$folder" "$name"; then result=1; fi
    done
    if [[ -s $folder/dump.rdb ]] && ! verify_redis "$folder"; then result=1; fi
    return "$result"
}

# scratch_ready CONTAINER: until the server of a new data folder takes connections by TCP; the one that
# runs its first scripts takes none.
scratch_ready() {
    local deadline
    deadline=$(($(date +%s) + 120))
    until docker exec "$1" pg_isready -q -h 127.0.0.1 -U postgres 2>/dev/null; do
        [[ $(container_health "$1") == running || $(container_health "$1") == starting ]] || return 1
        (($(date +%s) < deadline)) || return 1
        sleep 0.2
    done
}

# verify_database CONTAINER FOLDER DATABASE
verify_database() {
    local id=$1 folder=$2 name=$3 expected actual columns=3 rows
    roles_sql "$folder/$name.roles.sql" | scratch_psql "$id" postgres >/dev/null || return 1
    docker exec -i "$id" pg_restore -U postgres -d postgres --create --exit-on-error <"$folder/$name.dump" || return 1
    # The checksum of a row is that of one major version.
    if [[ $(scratch_psql "$id" postgres -At -c "select current_setting('server_version_num')::int / 10000") != \
        $(($(manifest_value "$folder" "database_$name" | cut -d' ' -f1) / 10000)) ]]; then columns=2; fi
    expected=$(cut -f "-$columns" "$folder/$name.rows")
    actual=$(rows_of scratch_psql "$id" "$name" | cut -f "-$columns")
    rows=$(awk -F '\t' '{ sum += $2 } END { print sum + 0 }' "$folder/$name.rows")
    if [[ $actual != "$expected" ]]; then
        warn "$name: восстановленное отличается от описи" "$name: what was restored differs from the manifest"
        diff <(printf '%s\n' "$expected") <(printf '%s\n' "$actual") | head -n 10 >&2 || true
        return 1
    fi
    say "  $name: таблиц $(wc -l <"$folder/$name.rows"), строк $rows — сошлось" \
        "  $name: $(wc -l <"$folder/$name.rows") tables, $rows rows agree"
}

# verify_redis FOLDER
verify_redis() {
    local folder=$1 volume keys expected result=0
    expected=$(manifest_value "$folder" redis | cut -d' ' -f2)
    volume=$(docker volume create --label ai1c.scratch=1)
    keys=$(redis_fill "$volume" "$folder/dump.rdb") || result=1
    docker volume rm -f "$volume" >/dev/null
    # Keys that have expired since are not loaded; more than were saved there cannot be.
    if ((result)) || ((keys > expected)) || ((expected > 0 && keys == 0)); then
        warn "redis: загружено ключей ${keys:-0} из $expected" "redis: ${keys:-0} of $expected keys were loaded"
        return 1
    fi
    if ((keys < expected)); then
        say "  redis: загружено ключей $keys из $expected, у остальных вышел срок" \
            "  redis: $keys of $expected keys loaded, the others have expired"
    else
        say "  redis: загружено ключей $keys из $expected" "  redis: $keys of $expected keys loaded"
    fi
}
