# shellcheck shell=bash
# Taking a backup of everything that cannot be made again: the five databases and Redis. Sourced after
# common.sh, databases.sh, redis.sh, metrics.sh, seal.sh and archive.sh. docs/backup.md tells what is
# guaranteed.

backup_dir() { project_path "${BACKUP_DIR:-./backups}"; }

# dump_script FOLDER: what psql is told, in two parts: it connects and says `ready`, and when the gate is
# open it takes the snapshot that both pg_dump and the counts read from.
dump_script() {
    cat <<'SQL'
set idle_in_transaction_session_timeout = 0;
set timezone = 'UTC';
select current_database() as database \gset
\setenv DATABASE :database
\warn ready
SQL
    until [[ -e $1.gate ]]; do sleep 0.02; done
    cat <<'SQL'
begin isolation level repeatable read read only;
select pg_export_snapshot() as snapshot \gset
\setenv SNAPSHOT :snapshot
\warn snapshot
\! pg_dump -U postgres -d "$DATABASE" -Fc --snapshot="$SNAPSHOT" || echo 'failed pg_dump' >&2
\o |sed 's/^/row\t/' >&2
select format('select %L, count(*), coalesce(sum(hashtextextended(t::text, 0)::numeric), 0) from %I.%I t',
              schemaname || '.' || tablename, schemaname, tablename)
from pg_tables where schemaname !~ '^pg_' and schemaname <> 'information_schema' order by 1 \gexec
\o
\warn complete
rollback;
SQL
}

# dump_database SERVER FOLDER: the dump, the roles of the server, and of each table the number of rows
# and a checksum, all as of one moment.
dump_database() {
    # shellcheck disable=SC2153
    local server=$1 name=${DATABASE[$1]} file
    file=$2/$name
    # The dump is the container's standard output and everything else its standard error: nothing is
    # written inside, where the file system is read-only.
    dump_script "$2" | server_psql "$server" "$name" -At -F $'\t' >"$file.dump" 2>"$file.told" || {
        head -n 5 "$file.told" >&2
        return 1
    }
    if ! grep -qx complete "$file.told" || grep -q '^failed' "$file.told"; then
        head -n 5 "$file.told" >&2
        return 1
    fi
    sed -n 's/^row\t//p' "$file.told" | LC_ALL=C sort >"$file.rows"
    rm "$file.told"
    compose exec -T "$server" pg_dumpall -U postgres --globals-only --no-role-passwords >"$file.roles.sql" || return 1
    # A table of contents that can be read to its end.
    compose exec -T "$server" pg_restore --list <"$file.dump" >/dev/null
}

# all_told FOLDER WORD SECONDS: until every server in OWN has said it; false when one has ended without.
all_told() {
    local server deadline
    deadline=$(($(date +%s%N) / 1000000 + $3 * 1000))
    for server in "${OWN[@]}"; do
        until grep -qx "$2" "$1/${DATABASE[$server]}.told" 2>/dev/null; do
            kill -0 "${JOB[$server]}" 2>/dev/null || return 1
            (($(date +%s%N) / 1000000 < deadline)) || return 1
            sleep 0.02
        done
    done
}

# one_moment FOLDER: lets the waiting dumps take their snapshots while Redis holds all writes back, and
# begins Redis's save in the same pause. No event can be on its way from a database to Redis or from
# Redis to a database meanwhile, so none is missing from both. Prints how long the pause was; false when
# it was too long to say so, which costs the guarantee and not the backup.
one_moment() {
    local word begun ok=1
    coproc FREEZE { redis_frozen 2>&1; }
    IFS= read -r word <&"${FREEZE[0]}" || true
    begun=$(date +%s%N)
    [[ $word == frozen ]] || ok=0
    touch "$1.gate"
    all_told "$1" snapshot 4 || ok=0
    # The coprocess may have failed already.
    { echo go >&"${FREEZE[1]}"; } 2>/dev/null || ok=0
    IFS= read -r word <&"${FREEZE[0]}" || true
    [[ $word == 'Background saving started' ]] || ok=0
    PAUSE_MS=$((($(date +%s%N) - begun) / 1000000))
    wait "$FREEZE_PID" 2>/dev/null || true
    ((ok && PAUSE_MS < ${REDIS_FREEZE_MS:-5000}))
}

# dump_redis FOLDER LAST: the snapshot that was begun after the save of the moment LAST.
dump_redis() {
    redis_saved "$2" || return 1
    compose exec -T redis cat /data/dump.rdb >"$1/dump.rdb" || return 1
    docker run --rm --network none -i --tmpfs /tmp --entrypoint sh "${REDIS_IMAGE:-redis:8.2-bookworm}" -euc \
        'cat >/tmp/dump.rdb; redis-check-rdb /tmp/dump.rdb' <"$1/dump.rdb" >"$1/redis.told" 2>&1 || {
        tail -n 5 "$1/redis.told" >&2
        return 1
    }
    sed -n 's/.*\[info\] \([0-9]*\) keys read.*/\1/p' "$1/redis.told" >"$1/redis.keys"
    rm "$1/redis.told"
}

# write_manifest FOLDER NAME
write_manifest() {
    local folder=$1 name server id
    {
        echo "format $ARCHIVE_FORMAT"
        echo "name $2"
        echo "created $(date -u +%Y-%m-%dT%H:%M:%SZ)"
        echo "host $(uname -n)"
        echo "project $(project_name)"
        echo "environment $(environment)"
        echo "one_moment $MOMENT ${PAUSE_MS:-0}"
        echo "revision $(git -C "$(repo_root)" rev-parse --short=12 HEAD 2>/dev/null || echo -)"
        for name in "${SERVICES[@]}"; do
            id=$(compose ps -q "$name" 2>/dev/null | sed -n 1p)
            if [[ -n $id ]]; then
                echo "image_$name $(docker container inspect --format '{{.Config.Image}} {{.Image}}' "$id")"
            fi
        done
        for server in "${POSTGRES_SERVICES[@]}"; do
            name=${DATABASE[$server]}
            if database_external "$server"; then
                echo "database_$name external"
                continue
            fi
            echo "database_$name $(server_psql "$server" "$name" -At -c \
                "select current_setting('server_version_num') || ' ' || pg_database_size(current_database())")"
        done
        if redis_external; then
            echo "redis external"
        else
            echo "redis $(redis_info server redis_version) $(cat "$folder/redis.keys")"
        fi
        echo "fingerprint_jwt_secret_key $(fingerprint jwt_secret_key)"
        echo "fingerprint_onec_encryption_key $(fingerprint onec_encryption_key)"
        echo "fingerprint_audit_signing_key $(fingerprint audit_signing_key)"
    } >"$folder/manifest"
    rm -f "$folder/redis.keys"
}

# forget_old_backups DIR: deletes what is older than BACKUP_RETENTION_DAYS (30), but never the newest.
forget_old_backups() {
    local days=${BACKUP_RETENTION_DAYS:-30} newest file
    newest=$(newest_backup "$1")
    while IFS= read -r -d '' file; do
        if [[ $file != "$newest" ]]; then
            rm -f -- "$file" "$file.sha256"
            say "удалена старая копия $(basename "$file")" "deleted the old backup $(basename "$file")"
        fi
    done < <(find "$1" -maxdepth 1 -type f -name 'ai1c-*.tar.gz*' ! -name '*.sha256' ! -name '*.partial' \
        -mtime "+$((days - 1))" -print0)
}

newest_backup() {
    find "$1" -maxdepth 1 -type f -name 'ai1c-*.tar.gz*' ! -name '*.sha256' ! -name '*.partial' 2>/dev/null |
        LC_ALL=C sort | tail -n 1
}

# write_backup_metrics SUCCESS(0|1) [SIZE] [VERIFIED_AT]: keeps what an unsuccessful run cannot tell.
write_backup_metrics() {
    local last size verified
    last=$(read_metric ai1c_backup ai1c_backup_last_success_timestamp_seconds)
    size=${2:-$(read_metric ai1c_backup ai1c_backup_size_bytes)}
    verified=${3:-$(read_metric ai1c_backup ai1c_backup_verified_timestamp_seconds)}
    if (($1)) && [[ -n ${2:-} ]]; then last=$(date +%s); fi
    {
        cat <<METRICS
# HELP ai1c_backup_last_run_success Whether the last run made a backup.
# TYPE ai1c_backup_last_run_success gauge
ai1c_backup_last_run_success $1
# HELP ai1c_backup_last_success_timestamp_seconds When the last good backup was made.
# TYPE ai1c_backup_last_success_timestamp_seconds gauge
ai1c_backup_last_success_timestamp_seconds ${last:-0}
# HELP ai1c_backup_size_bytes Size of the last good backup.
# TYPE ai1c_backup_size_bytes gauge
ai1c_backup_size_bytes ${size:-0}
# HELP ai1c_backup_verified_timestamp_seconds When a backup was last restored for a test and compared.
# TYPE ai1c_backup_verified_timestamp_seconds gauge
ai1c_backup_verified_timestamp_seconds ${verified:-0}
METRICS
    } | write_metrics ai1c_backup
}

# dump_everything FOLDER: the five databases and Redis, as of one moment where Redis is ours. Sets MOMENT.
dump_everything() {
    local folder=$1 server last='' failed=''
    local -A JOB=()
    local -a OWN=()
    mapfile -t OWN < <(own_servers)
    MOMENT=no
    for server in "${OWN[@]}"; do
        dump_database "$server" "$folder" &
        JOB[$server]=$!
    done
    if redis_external; then
        touch "$folder.gate"
    elif all_told "$folder" ready 60 && last=$(redis_quiet); then
        if one_moment "$folder"; then
            MOMENT=yes
        else
            warn "базы и Redis сняты не в один миг (пауза $PAUSE_MS мс)" \
                "databases and Redis are not of one moment (the pause was $PAUSE_MS ms)"
            last=$(redis_quiet) && redis_cli BGSAVE >/dev/null || failed+=" redis"
        fi
    else
        failed+=" redis"
    fi
    touch "$folder.gate"
    for server in "${OWN[@]}"; do
        wait "${JOB[$server]}" || failed+=" $server"
    done
    if [[ -z $failed ]] && ! redis_external; then dump_redis "$folder" "$last" || failed+=" redis"; fi
    if [[ -n $failed ]]; then
        warn "не получилось:$failed" "failed:$failed"
        return 1
    fi
}

# backup_into DIR ENCRYPT(0|1): sets BACKUP_FILE.
backup_into() {
    local directory=$1 encrypt=$2 name folder key started
    started=$(date +%s)
    [[ -d $directory ]] || (umask 077 && mkdir -p "$directory")
    exec {BACKUP_LOCK}>"$directory/.lock"
    if ! flock -n "$BACKUP_LOCK"; then
        warn "другая копия уже делается" "another backup is being made"
        return 1
    fi
    if ((encrypt)) && [[ ! -s $(backup_key_file) ]]; then
        warn "нет ключа $(backup_key_file): его делает docker-dev.sh setup" \
            "there is no key $(backup_key_file): docker-dev.sh setup makes it"
        return 1
    fi
    # What a run that was killed left behind.
    find "$directory" -maxdepth 1 \( -name 'ai1c-*.partial' -o -name 'ai1c-*.sealed' \) -delete
    rm -rf "$directory"/.work.*
    name=ai1c-$(date -u +%Y%m%dT%H%M%SZ)
    BACKUP_WORK=$(mktemp -d "$directory/.work.XXXXXX")
    folder=$BACKUP_WORK/$name
    mkdir "$folder"
    BACKUP_FILE=$directory/$name.tar.gz
    if ((encrypt)); then
        BACKUP_FILE+=.enc
        mkdir "$folder/keys"
        for key in "${KEYS_OF_DATA[@]}"; do cp "$(secrets_dir)/$key" "$folder/keys/"; done
    fi
    if ! dump_everything "$folder" || ! write_manifest "$folder" "$name" || ! pack "$folder" "$BACKUP_FILE" "$encrypt"; then
        rm -rf "$BACKUP_WORK"
        return 1
    fi
    rm -rf "$BACKUP_WORK"
    flock -u "$BACKUP_LOCK"
    say "резервная копия: $BACKUP_FILE, $(stat -c %s "$BACKUP_FILE") байт, $(($(date +%s) - started)) с" \
        "backup: $BACKUP_FILE, $(stat -c %s "$BACKUP_FILE") bytes, $(($(date +%s) - started)) s"
}

# backup_all [DIR] [ENCRYPT]: the backup, its metrics, and the end of those that are too old.
backup_all() {
    local directory=${1:-$(backup_dir)} encrypt=${2:-${BACKUP_ENCRYPT:-0}}
    if backup_into "$directory" "$encrypt"; then
        write_backup_metrics 1 "$(stat -c %s "$BACKUP_FILE")"
        forget_old_backups "$directory"
    else
        write_backup_metrics 0
        return 1
    fi
}
