# shellcheck shell=bash
# Bringing a backup back. Sourced after common.sh, databases.sh, redis.sh, seal.sh, archive.sh, scratch.sh,
# backup.sh and maintenance.sh.
#
# The order makes a failure harmless: every check of the file first, then a safety backup, then new
# databases beside the old ones, and only when all five are complete are names exchanged. Until the
# services are healthy again the old data stay under <database>_previous.

# check_restorable FOLDER: what would make the restored data useless. Before anything is touched.
check_restorable() {
    local folder=$1 server name have want free
    for server in $(own_servers); do
        name=${DATABASE[$server]}
        [[ -s $folder/$name.dump && -s $folder/$name.roles.sql ]] ||
            refuse "в копии нет базы $name" "the backup has no database $name"
        want=$(manifest_value "$folder" "database_$name" | cut -d' ' -f1)
        have=$(server_psql "$server" postgres -At -c "select current_setting('server_version_num')") ||
            refuse "сервер $server не отвечает" "the server $server does not answer"
        ((have / 10000 >= want / 10000)) ||
            refuse "копия сделана PostgreSQL $((want / 10000)), а $server — версии $((have / 10000))" \
                "the backup is of PostgreSQL $((want / 10000)), $server is version $((have / 10000))"
        compose exec -T "$server" pg_restore --list <"$folder/$name.dump" >/dev/null 2>&1 ||
            refuse "дамп $name не читается" "the dump of $name cannot be read"
        # The restored database stands beside the old one for a while.
        free=$(compose exec -T "$server" df -Pk /var/lib/postgresql/data | awk 'NR == 2 { printf "%.0f", $4 * 1024 }')
        want=$(manifest_value "$folder" "database_$name" | cut -d' ' -f2)
        ((free > want + want / 5)) ||
            refuse "для $name нужно $want байт, свободно $free" "$name needs $want bytes, $free are free"
    done
    if ! redis_external; then
        [[ -s $folder/dump.rdb ]] || refuse "в копии нет dump.rdb" "the backup has no dump.rdb"
        want=$(manifest_value "$folder" redis | cut -d. -f1)
        have=$(redis_info server redis_version | cut -d. -f1)
        [[ -n $have ]] || refuse "redis не отвечает" "redis does not answer"
        ((have >= want)) || refuse "копия сделана Redis $want, а запущен $have" "the backup is of Redis $want, running is $have"
    fi
}

# check_keys FOLDER: user-management does not start over signing keys that it cannot open, stored
# passwords of infobases are lost with their key, and the audit log does not verify under another.
check_keys() {
    local folder=$1 want key
    for key in jwt_secret_key onec_encryption_key audit_signing_key; do
        want=$(manifest_value "$folder" "fingerprint_$key")
        if [[ -n $want && $want != "$(fingerprint "$key")" ]]; then
            if [[ -s $folder/keys/$key && ${RESTORE_KEYS:-0} == 1 ]]; then continue; fi
            if [[ -s $folder/keys/$key ]]; then
                refuse "секрет $key не тот, под которым сделана копия; он есть в ней самой: добавьте --restore-keys" \
                    "the secret $key is not the one of the backup; the backup has it: add --restore-keys"
            fi
            refuse "секрет $key ($(secrets_dir)) не тот, под которым сделана копия" \
                "the secret $key ($(secrets_dir)) is not the one that the backup was made under"
        fi
    done
}

# restore_keys FOLDER: the keys of the backup become the secrets; those that were are kept beside.
restore_keys() {
    local key file
    for key in "${KEYS_OF_DATA[@]}"; do
        file=$(secrets_dir)/$key
        if [[ -s $1/keys/$key ]] && ! cmp -s "$1/keys/$key" "$file"; then
            if [[ -e $file ]]; then mv "$file" "$file.previous"; fi
            install -m 0644 "$1/keys/$key" "$file"
            say "секрет $key взят из копии, прежний — в $key.previous" \
                "the secret $key is that of the backup, the former one is in $key.previous"
        fi
    done
}

# return_keys: undoes restore_keys.
return_keys() {
    local key
    for key in "${KEYS_OF_DATA[@]}"; do
        if [[ -e $(secrets_dir)/$key.previous ]]; then mv -f "$(secrets_dir)/$key.previous" "$(secrets_dir)/$key"; fi
    done
    # A file is mounted as it was when its container started.
    compose --progress quiet stop "${SERVICES[@]}" >&2
}

# new_database SERVER NEW: an empty database for the data to come.
new_database() {
    server_psql "$1" postgres -c "drop database if exists $2 with (force)" \
        -c "create database $2 owner $(sql_identifier "${DATABASE_OWNER[$1]}") template template0"
}

# fill_database SERVER FOLDER: restores into <database>_restored.
fill_database() {
    local server=$1 folder=$2 name=${DATABASE[$1]} new=${DATABASE[$1]}_restored
    roles_sql "$folder/$name.roles.sql" | server_psql "$server" postgres >/dev/null || return 1
    new_database "$server" "$new" || return 1
    compose exec -T "$server" pg_restore -U postgres -d "$new" --exit-on-error <"$folder/$name.dump" || return 1
    compose exec -T "$server" pg_restore --create --schema-only -f - <"$folder/$name.dump" |
        database_settings_sql "$folder" "$name" "$new" | server_psql "$server" postgres || return 1
    server_psql "$server" "$new" -c analyze || return 1
    if [[ $(rows_of server_psql "$server" "$new" | cut -f -2) != "$(cut -f -2 "$folder/$name.rows")" ]]; then
        warn "$name: восстановленное отличается от описи" "$name: what was restored differs from the manifest"
        return 1
    fi
}

# swap_database SERVER: <database>_restored takes the name, what had it becomes <database>_previous. One
# transaction: there is no moment without a database. Connections that are left over are ended first.
swap_database() {
    local name=${DATABASE[$1]}
    server_psql "$1" postgres -c "drop database if exists ${name}_previous with (force)" || return 1
    server_psql "$1" postgres >/dev/null <<SQL
select pg_terminate_backend(pid) from pg_stat_activity where datname in ('$name', '${name}_restored');
begin;
alter database $name rename to ${name}_previous;
alter database ${name}_restored rename to $name;
commit;
SQL
}

# swap_back SERVER: undoes swap_database.
swap_back() {
    local name=${DATABASE[$1]}
    server_psql "$1" postgres -c "drop database if exists ${name}_restored with (force)" || return 1
    server_psql "$1" postgres >/dev/null <<SQL
select pg_terminate_backend(pid) from pg_stat_activity where datname in ('$name', '${name}_previous');
begin;
alter database $name rename to ${name}_restored;
alter database ${name}_previous rename to $name;
commit;
drop database ${name}_restored with (force);
SQL
}

drop_leftovers() {
    local server
    for server in "$@"; do
        server_psql "$server" postgres -c "drop database if exists ${DATABASE[$server]}_restored with (force)" \
            -c "drop database if exists ${DATABASE[$server]}_previous with (force)" || true
    done
}

# services_up: our services are started and become healthy. Those that depend on a service of
# monitoring or were never started stay as they are.
services_up() { compose --progress quiet up -d --no-build --wait --wait-timeout "${START_TIMEOUT:-300}" "${SERVICES[@]}" >&2; }

# safety_backup: what is there now, before it is replaced; into the usual folder.
safety_backup() {
    say "страховочная копия того, что есть сейчас…" "a safety backup of what is there now…"
    backup_into "$(backup_dir)" 0
}

# exchange SERVERS... with REDIS_FILE: stops the services, puts the restored in place of what was, starts
# the services; puts everything back when one of the steps fails.
exchange() {
    local server swapped=() volume='' container='' ok=1
    compose --progress quiet stop "${SERVICES[@]}" >&2
    for server in "$@"; do
        if swap_database "$server"; then swapped+=("$server"); else ok=0; break; fi
    done
    if ((ok)) && [[ -n ${REDIS_FILE:-} ]]; then
        container=$(compose ps -aq redis | sed -n 1p)
        volume=$(redis_volume "$container")
        compose --progress quiet stop redis >&2
        redis_fill "$volume" "$REDIS_FILE" >/dev/null || ok=0
        compose --progress quiet up -d --no-build --wait redis >&2 || ok=0
    fi
    if ((ok)) && services_up; then
        drop_leftovers "$@"
        if [[ -n $volume ]]; then redis_forget_previous "$volume"; fi
        return
    fi
    warn "не получилось, возвращаю прежние данные" "that failed, putting the former data back"
    compose --progress quiet stop "${SERVICES[@]}" >&2
    for server in "${swapped[@]}"; do swap_back "$server" || warn "$server: прежняя база — ${DATABASE[$server]}_previous" "$server: the former database is ${DATABASE[$server]}_previous"; done
    if [[ -n $volume ]]; then
        compose --progress quiet stop redis >&2
        redis_return_previous "$volume"
        compose --progress quiet up -d --no-build --wait redis >&2 || true
    fi
    services_up || true
    return 1
}

# finish_interrupted: a restore that was killed while names were being exchanged left some of the former
# data under other names. They go back before anything else is done.
finish_interrupted() {
    local server left=() volume=''
    for server in $(own_servers); do
        if [[ $(server_psql "$server" postgres -At -c \
            "select count(*) from pg_database where datname = '${DATABASE[$server]}_previous'") == 1 ]]; then
            left+=("$server")
        fi
    done
    if ! redis_external && [[ $(compose exec -T redis sh -c 'test -d /data/previous && echo yes || true') == yes ]]; then
        volume=$(redis_volume "$(compose ps -aq redis | sed -n 1p)")
    fi
    if ((${#left[@]} == 0)) && [[ -z $volume ]]; then return; fi
    warn "прошлое восстановление прервалось, сначала возвращаю прежние данные" \
        "the last restore was interrupted, the former data are put back first"
    compose --progress quiet stop "${SERVICES[@]}" >&2
    for server in "${left[@]}"; do swap_back "$server"; done
    if [[ -n $volume ]]; then
        compose --progress quiet stop redis >&2
        redis_return_previous "$volume"
        compose --progress quiet up -d --no-build --wait redis >&2
    fi
}

# data_servers_up: what a restore speaks to; on a machine with nothing left this makes it anew.
data_servers_up() {
    local wanted=()
    mapfile -t wanted < <(own_servers)
    if ! redis_external; then wanted+=(redis); fi
    if ((${#wanted[@]})); then compose --progress quiet up -d --no-build --wait "${wanted[@]}" >&2; fi
}

# restore_archive FILE
restore_archive() {
    local file=$1 folder server servers=() failed=0
    begin_maintenance
    # Decrypted data are not left to a folder that everybody shares, nor by a run that was killed.
    rm -rf "$(state_dir)"/restore.*
    RESTORE_WORK=$(mktemp -d "$(state_dir)/restore.XXXXXX")
    trap 'rm -rf "${RESTORE_WORK:-}"' EXIT
    folder=$(unpack "$file" "$RESTORE_WORK")
    say "копия $(manifest_value "$folder" name) ($(manifest_value "$folder" created), $(manifest_value "$folder" revision)) цела" \
        "the backup $(manifest_value "$folder" name) ($(manifest_value "$folder" created), $(manifest_value "$folder" revision)) is intact"
    check_keys "$folder"
    confirm "Заменить базы и Redis проекта $(project_name) этой копией?" \
        "Replace the databases and Redis of $(project_name) by this backup?" ||
        die "$EX_REFUSED" "Отменено, ничего не тронуто." "Cancelled, nothing was touched."
    data_servers_up || refuse "серверы данных не запускаются" "the data servers do not start"
    finish_interrupted
    check_restorable "$folder"
    if [[ ${RESTORE_SAFETY:-1} == 1 ]]; then
        safety_backup || refuse "страховочная копия не получилась (--no-safety обойдётся без неё)" \
            "the safety backup failed (--no-safety goes without)"
    fi
    mapfile -t servers < <(own_servers)
    for server in "${servers[@]}"; do
        say "  восстанавливается ${DATABASE[$server]}…" "  restoring ${DATABASE[$server]}…"
        fill_database "$server" "$folder" || { failed=1; break; }
    done
    if ((failed)); then
        drop_leftovers "${servers[@]}"
        die 1 "Не восстановлено; прежние данные на месте." "Not restored; the former data are in place."
    fi
    if [[ ${RESTORE_KEYS:-0} == 1 ]]; then restore_keys "$folder"; fi
    if redis_external; then REDIS_FILE=''; else REDIS_FILE=$folder/dump.rdb; fi
    if ! exchange "${servers[@]}"; then
        if [[ ${RESTORE_KEYS:-0} == 1 ]]; then
            return_keys
            services_up || true
        fi
        die 1 "Не восстановлено; прежние данные возвращены." "Not restored; the former data are back."
    fi
    for server in "${POSTGRES_SERVICES[@]}"; do
        if database_external "$server"; then
            warn "${DATABASE[$server]}: внешняя база (${DATABASE_URL_VARIABLE[$server]}), её восстанавливают её собственными средствами" \
                "${DATABASE[$server]}: external (${DATABASE_URL_VARIABLE[$server]}), to be restored by its own means"
        fi
    done
    say "восстановлено" "restored"
    if [[ $(container_health "$(compose ps -aq nginx | sed -n 1p)") == absent ]]; then
        say "nginx и остальное запустит docker-dev.sh start" "docker-dev.sh start starts nginx and the rest"
    fi
}

# restore_sql FILE DATABASE: a plain dump of one database (pg_dump), also compressed.
restore_sql() {
    local file=$1 server name new reader=(cat)
    server=$(server_of "$2") || usage_error "нет базы $2; есть: ${DATABASE[*]}" "no database $2; there are: ${DATABASE[*]}"
    if database_external "$server"; then refuse "база ${DATABASE[$server]} внешняя" "the database ${DATABASE[$server]} is external"; fi
    name=${DATABASE[$server]}
    new=${name}_restored
    if [[ $file == *.gz ]]; then
        gzip -t "$file" 2>/dev/null || refuse "файл $file повреждён" "the file $file is damaged"
        reader=(zcat)
    fi
    [[ -s $file ]] || refuse "файл $file пуст или его нет" "the file $file is empty or absent"
    if "${reader[@]}" "$file" | head -n 50 | grep -q 'PostgreSQL database cluster dump'; then
        refuse "это дамп целого сервера (pg_dumpall); нужен дамп одной базы (pg_dump)" \
            "this is a dump of a whole server (pg_dumpall); one database (pg_dump) is needed"
    fi
    # pg_dump writes these words last, so a file cut short lacks them.
    "${reader[@]}" "$file" | tail -n 10 | grep -q 'PostgreSQL database dump complete' ||
        refuse "файл обрезан или это не дамп pg_dump" "the file is cut short or is no dump of pg_dump"
    confirm "Заменить базу $name проекта $(project_name) файлом $(basename "$file")?" \
        "Replace the database $name of $(project_name) by $(basename "$file")?" ||
        die "$EX_REFUSED" "Отменено, ничего не тронуто." "Cancelled, nothing was touched."
    begin_maintenance
    data_servers_up || refuse "серверы данных не запускаются" "the data servers do not start"
    finish_interrupted
    if [[ ${RESTORE_SAFETY:-1} == 1 ]]; then
        safety_backup || refuse "страховочная копия не получилась" "the safety backup failed"
    fi
    new_database "$server" "$new"
    if ! "${reader[@]}" "$file" | server_psql "$server" "$new" --single-transaction >/dev/null ||
        ! server_psql "$server" postgres -c "revoke all on database $new from public" \
            -c "grant connect on database $new to monitoring"; then
        drop_leftovers "$server"
        die 1 "Не восстановлено; прежние данные на месте." "Not restored; the former data are in place."
    fi
    REDIS_FILE='' exchange "$server" || die 1 "Не восстановлено; прежние данные возвращены." "Not restored; the former data are back."
    say "база $name восстановлена из $(basename "$file")" "the database $name was restored from $(basename "$file")"
}

# restore_file FILE: by its kind. AI1C_YES=1, RESTORE_SAFETY=0, RESTORE_KEYS=1, RESTORE_DATABASE=name.
restore_file() {
    case $1 in
        *.sql | *.sql.gz)
            if [[ -z ${RESTORE_DATABASE:-} ]]; then
                usage_error "для файла .sql назовите базу: --database ${DATABASE[*]}" "name the database of a .sql file: --database ${DATABASE[*]}"
            fi
            restore_sql "$1" "$RESTORE_DATABASE"
            ;;
        *) restore_archive "$1" ;;
    esac
}
