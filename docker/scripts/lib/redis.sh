# shellcheck shell=bash
# Redis: asking it, saving it, filling it from a snapshot. Sourced after common.sh.

# redis_cli ARGUMENTS...: in the container, where the password is a file; it is on no command line.
redis_cli() {
    # shellcheck disable=SC2016
    compose exec -T redis sh -c 'REDISCLI_AUTH=$(cat /run/secrets/redis_password) exec redis-cli "$@"' sh "$@"
}

redis_info() { redis_cli INFO "$1" | tr -d '\r' | sed -n "s/^$2://p"; }

# redis_quiet: until no save is under way and the second of the last one is over. Redis tells the end of
# a save by nothing but LASTSAVE, a number of whole seconds, so two saves within one cannot be told apart.
redis_quiet() {
    local info last now deadline
    deadline=$(($(date +%s) + ${REDIS_SAVE_TIMEOUT:-300}))
    while :; do
        info=$(redis_cli INFO persistence | tr -d '\r') || return 1
        if grep -qx 'rdb_bgsave_in_progress:0' <<<"$info" && grep -qx 'aof_rewrite_in_progress:0' <<<"$info"; then break; fi
        (($(date +%s) < deadline)) || return 1
        sleep 0.2
    done
    last=$(redis_cli LASTSAVE) || return 1
    while now=$(redis_cli TIME | sed -n 1p); ((now <= last)); do sleep 0.1; done
    printf '%s\n' "$last"
}

# redis_saved LAST: until the save that followed LAST is on the disk; false when it failed.
redis_saved() {
    local deadline
    deadline=$(($(date +%s) + ${REDIS_SAVE_TIMEOUT:-300}))
    while [[ $(redis_cli LASTSAVE) == "$1" ]]; do
        if [[ $(redis_info persistence rdb_bgsave_in_progress) == 0 &&
            $(redis_info persistence rdb_last_bgsave_status) != ok ]]; then return 1; fi
        (($(date +%s) < deadline)) || return 1
        sleep 0.2
    done
}

# redis_frozen: for a coprocess. Holds all writes back, says `frozen`, waits for a line, begins a save
# (whose moment is this one, however long it takes) and lets the writes go. Whatever happens, they go on
# by themselves after REDIS_FREEZE_MS.
redis_frozen() {
    # shellcheck disable=SC2016
    compose exec -T redis sh -euc '
        export REDISCLI_AUTH=$(cat /run/secrets/redis_password)
        [ "$(redis-cli CLIENT PAUSE "$1" WRITE)" = OK ]
        echo frozen
        read -r line || true
        redis-cli BGSAVE
        redis-cli CLIENT UNPAUSE >/dev/null' sh "${REDIS_FREEZE_MS:-5000}"
}

# redis_volume: the volume under /data of the container.
redis_volume() {
    docker container inspect --format \
        '{{range .Mounts}}{{if eq .Destination "/data"}}{{.Name}}{{end}}{{end}}' "$1"
}

# redis_fill VOLUME FILE: puts a snapshot into the volume of a stopped Redis, in place of what is there.
#
# With `appendonly yes` a server reads its append-only files and never looks at dump.rdb: a copied
# dump.rdb alone would be lost without a word. So a server of the same image, without a network, loads
# the snapshot with the append-only file off, then turns it on, which writes the whole data set into new
# append-only files, and ends. What was there stays in a folder beside until redis_forget_previous.
redis_fill() {
    local volume=$1 file=$2 image=${REDIS_IMAGE:-redis:8.2-bookworm} id keys result=1
    docker run --rm --network none --user root --entrypoint sh -i -v "$volume:/data" "$image" -euc '
        rm -rf /data/previous.new
        mkdir /data/previous.new
        for entry in /data/* /data/.[!.]*; do
            case $entry in /data/previous|/data/previous.new) continue ;; esac
            [ -e "$entry" ] || continue
            mv "$entry" /data/previous.new/
        done
        rm -rf /data/previous
        mv /data/previous.new /data/previous
        cat >/data/dump.rdb
        chown -R redis:redis /data' <"$file" || return 1
    id=$(docker run -d --network none --user redis --entrypoint redis-server -v "$volume:/data" "$image" \
        --dir /data --dbfilename dump.rdb --appendonly no --save '' --protected-mode no) || return 1
    if redis_scratch_loaded "$id"; then
        keys=$(docker exec "$id" redis-cli DBSIZE)
        if [[ $(docker exec "$id" redis-cli CONFIG SET appendonly yes) == OK ]] && redis_rewritten "$id"; then
            docker exec "$id" redis-cli SHUTDOWN NOSAVE >/dev/null 2>&1 || true
            docker wait "$id" >/dev/null
            result=0
        fi
    else
        docker logs --tail 5 "$id" >&2
    fi
    docker rm -f "$id" >/dev/null
    if ((result == 0)); then printf '%s\n' "$keys"; fi
    return "$result"
}

# redis_scratch_loaded CONTAINER: waits until a server has read its snapshot; false when it has ended.
redis_scratch_loaded() {
    local deadline
    deadline=$(($(date +%s) + ${REDIS_LOAD_TIMEOUT:-300}))
    until [[ $(docker exec "$1" redis-cli PING 2>/dev/null) == PONG ]]; do
        [[ $(container_health "$1") == running ]] || return 1
        (($(date +%s) < deadline)) || return 1
        sleep 0.1
    done
}

# redis_rewritten CONTAINER: waits until the append-only files hold everything.
redis_rewritten() {
    local info deadline
    deadline=$(($(date +%s) + ${REDIS_LOAD_TIMEOUT:-300}))
    while :; do
        info=$(docker exec "$1" redis-cli INFO persistence | tr -d '\r')
        if grep -qx 'aof_rewrite_in_progress:0' <<<"$info" && grep -qx 'aof_rewrite_scheduled:0' <<<"$info"; then
            grep -qx 'aof_last_bgrewrite_status:ok' <<<"$info"
            return
        fi
        (($(date +%s) < deadline)) || return 1
        sleep 0.1
    done
}

# redis_return_previous VOLUME / redis_forget_previous VOLUME: undoes redis_fill, or makes it final.
redis_return_previous() {
    docker run --rm --network none --user root --entrypoint sh -v "$1:/data" \
        "${REDIS_IMAGE:-redis:8.2-bookworm}" -euc '
        [ -d /data/previous ] || exit 0
        for entry in /data/* /data/.[!.]*; do
            [ "$entry" = /data/previous ] || rm -rf "$entry"
        done
        for entry in /data/previous/* /data/previous/.[!.]*; do
            [ -e "$entry" ] && mv "$entry" /data/
        done
        rmdir /data/previous'
}
redis_forget_previous() {
    docker run --rm --network none --user root --entrypoint rm -v "$1:/data" \
        "${REDIS_IMAGE:-redis:8.2-bookworm}" -rf /data/previous
}
