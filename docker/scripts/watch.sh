#!/usr/bin/env bash
# Watches the six services, tells a chat when one is down or back, and tries to restart it.
# `watch.sh --help` tells more.
set -euo pipefail

SCRIPTS=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
for part in common metrics databases redis secrets api health maintenance alert; do
    # shellcheck source=/dev/null
    . "$SCRIPTS/lib/$part.sh"
done

help() {
    say "watch.sh [--once]
  Каждые WATCH_INTERVAL (30) секунд спрашивает /health шести служб и состояние nginx, PostgreSQL и Redis.
  После WATCH_FAILURES (3) неудач подряд пишет в чат (ALERT_WEBHOOK_URL или секрет alert_webhook_url) и
  перезапускает контейнер: не больше WATCH_RESTARTS (3) раз, с паузами WATCH_BACKOFF (30) с, вдвое длиннее
  каждый раз. О возвращении тоже пишет. Служба, которая отвечает, что недоступна её база, не
  перезапускается: ей это не поможет. Пока идёт восстановление или развёртывание, ничего не делает.
  Обновляет метрику срока сертификата. --once — один проход (для таймера); состояние хранится между ними." \
        "watch.sh [--once]
  Every WATCH_INTERVAL (30) seconds asks /health of the six services and the state of nginx, PostgreSQL
  and Redis. After WATCH_FAILURES (3) failures in a row it tells a chat (ALERT_WEBHOOK_URL or the secret
  alert_webhook_url) and restarts the container: at most WATCH_RESTARTS (3) times, with pauses of
  WATCH_BACKOFF (30) s that double each time. It tells of the recovery, too. A service that answers that
  its database is away is not restarted: that would not help. It does nothing while a restore or a
  deployment is under way. Renews the metric of the certificate's end. --once: one pass (for a timer);
  the state is kept between passes."
}

# The state of one part between passes: failures in a row, when they began, restarts tried, moment of the
# last try, whether people were told, whether they were told that trying has ended.
load_state() {
    FAILURES=0 SINCE=0 RESTARTS=0 TRIED=0 TOLD=0 GIVEN_UP=0
    if [[ -r $STATE/$1 ]]; then read -r FAILURES SINCE RESTARTS TRIED TOLD GIVEN_UP <"$STATE/$1" || true; fi
}
save_state() { printf '%s %s %s %s %s %s\n' "$FAILURES" "$SINCE" "$RESTARTS" "$TRIED" "$TOLD" "$GIVEN_UP" >"$STATE/$1"; }

# probe NAME: a line of state and detail; false when it does not work.
probe() {
    local id state=absent
    if [[ -n ${SERVICE_PORT[$1]:-} ]]; then service_health "$1"; return; fi
    id=$(compose ps -aq "$1" 2>/dev/null | sed -n 1p)
    if [[ -n $id ]]; then state=$(container_health "$id"); fi
    echo "$state $(text контейнер container) $state"
    [[ $state == healthy || $state == running || $state == starting ]]
}

# worth_restarting DETAIL: an answer means that the process lives and something that it needs does not.
worth_restarting() { [[ $1 != *'"checks"'* ]]; }

restart() {
    local id ids
    ids=$(compose ps -aq "$1")
    if [[ -z $ids ]]; then compose --progress quiet up -d --no-build --no-deps "$1"; return; fi
    for id in $ids; do
        if [[ $(container_health "$id") != healthy || $(wc -w <<<"$ids") == 1 ]]; then docker restart --time 45 "$id" >/dev/null; fi
    done
}

look_at() {
    local name=$1 line now working=0
    now=$(date +%s)
    load_state "$name"
    if line=$(probe "$name"); then working=1; fi
    if ((working)); then
        if ((TOLD)); then
            send_alert "✅ $name снова работает; не работал $((now - SINCE)) с, перезапусков: $RESTARTS" \
                "✅ $name works again; it was down for $((now - SINCE)) s, restarts: $RESTARTS" || return 0
        fi
        rm -f "$STATE/$name"
        return
    fi
    FAILURES=$((FAILURES + 1))
    if ((FAILURES == 1)); then SINCE=$now; fi
    if ((FAILURES >= LIMIT)); then
        # Untold while the chat does not take it: tried again at the next pass.
        if ((TOLD == 0)) && send_alert "🔴 $name не работает: ${line#* }" "🔴 $name is down: ${line#* }"; then TOLD=1; fi
        if worth_restarting "$line"; then
            if ((RESTARTS < MOST)); then
                if ((now - TRIED >= BACKOFF * (1 << RESTARTS) || RESTARTS == 0)); then
                    RESTARTS=$((RESTARTS + 1))
                    TRIED=$now
                    printf '%s %s\n' "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$(text "перезапуск $name, попытка $RESTARTS из $MOST" "restarting $name, try $RESTARTS of $MOST")"
                    restart "$name" || true
                fi
            elif ((GIVEN_UP == 0)) && send_alert "⛔ $name не поднялся за $MOST перезапуска, нужен человек" \
                "⛔ $name did not come back after $MOST restarts, somebody is needed"; then
                GIVEN_UP=1
            fi
        fi
    fi
    save_state "$name"
}

pass() {
    local name
    if maintenance_under_way; then return; fi
    for name in "${PARTS[@]}"; do look_at "$name"; done
    write_certificate_metrics
}

once=0
while (($#)); do
    case $1 in
        -h | --help) help; exit ;;
        --once) once=1 ;;
        *) usage_error "не понимаю $1" "what is $1?" ;;
    esac
    shift
done
load_env
need docker curl flock
INTERVAL=${WATCH_INTERVAL:-30} LIMIT=${WATCH_FAILURES:-3} MOST=${WATCH_RESTARTS:-3} BACKOFF=${WATCH_BACKOFF:-30}
STATE=$(state_dir)/watch/$(project_name)
mkdir -p "$STATE"
exec {WATCH_LOCK}>"$STATE/.lock"
flock -n "$WATCH_LOCK" || die "$EX_UNAVAILABLE" "Сторож уже работает." "The watcher is running already."
mapfile -t PARTS < <(
    own_servers
    if ! redis_external; then echo redis; fi
    printf '%s\n' "${SERVICES[@]}" nginx
)
if ((once)); then pass; exit; fi
stopped=0
trap 'stopped=1' TERM INT
while ((stopped == 0)); do
    pass
    # A signal ends the wait at once, which it could not do with a plain sleep.
    sleep "$INTERVAL" &
    wait $! || true
done
