#!/usr/bin/env bash
# The watcher waits for several failures, tells once, restarts with growing pauses and a limit, and tells
# of the recovery.
# shellcheck source=/dev/null
. "$(dirname -- "${BASH_SOURCE[0]}")/assert.sh"

export ALERT_WEBHOOK_URL=https://chat.example.org/hooks/secret WATCH_FAILURES=3 WATCH_RESTARTS=2 WATCH_BACKOFF=0
export SENT=$WORK/sent HEALTH=$WORK/health
: >"$SENT"
# curl: a question of /health is answered by the file $HEALTH, anything else is a message to the chat.
cat >"$WORK/bin/curl" <<'CURL'
#!/usr/bin/env bash
case "$*" in
    *9.9.9.9:8003/health) cat "$HEALTH" ;;
    */health) echo '{"status":"ok","version":"1"}' ;;
    *) [[ -e $SENT.refused ]] && exit 22
        while (($#)); do
            if [[ $1 == --data-binary ]]; then printf '%s\n' "$2" >>"$SENT"; fi
            shift
        done ;;
esac
CURL
chmod +x "$WORK/bin/curl"
answer_docker 1ps-analytics "ps -q analytics" analytics-1
answer_docker 1psa-analytics "ps -aq analytics" analytics-1
answer_docker 2ps "ps -q" other-1
answer_docker 2psa "ps -aq" other-1
answer_docker 3address "IPAddress" 1.1.1.1
answer_docker 0address "IPAddress}} {{end}} analytics-1" 9.9.9.9
answer_docker 4state "State.Status" healthy

pass() { run "$SCRIPTS/watch.sh" --once; is "$STATUS" 0 "a pass: $OUTPUT"; }
restarts() { grep -c '^restart ' "$CALLS" || true; }
messages() { wc -l <"$SENT"; }

echo '{"status":"ok","version":"1"}' >"$HEALTH"
pass
is "$(messages) $(restarts)" "0 0" "all is well"
: >"$HEALTH"
pass; pass
is "$(messages) $(restarts)" "0 0" "two failures are not enough"
touch "$SENT.refused"
pass
is "$(messages) $(restarts)" "0 1" "restarted, though the chat does not answer"
rm "$SENT.refused"
pass
is "$(messages) $(restarts)" "1 2" "told when the chat answers again"
has "$(tail -n 1 "$SENT")" analytics "names the service"
pass
is "$(messages) $(restarts)" "2 2" "no more restarts than allowed, and that is told"
pass; pass
is "$(messages) $(restarts)" "2 2" "told once"
echo '{"status":"ok","version":"1"}' >"$HEALTH"
pass
is "$(messages) $(restarts)" "3 2" "the recovery is told"
has "$(tail -n 1 "$SENT")" "works again" "the recovery is told"
jq -e .text "$SENT" >/dev/null || fail "messages are no JSON"
if grep -rq hooks/secret "$CALLS" "$SENT"; then fail "the address of the chat leaked"; fi

echo '{"status":"degraded","checks":{"postgres":"down"}}' >"$HEALTH"
: >"$CALLS"
pass; pass; pass; pass
is "$(messages) $(restarts)" "4 0" "a service whose database is away is not restarted"

# A restore under way: nothing is done.
echo '{"status":"ok","version":"1"}' >"$HEALTH"
pass
: >"$HEALTH"
: >"$CALLS"
(
    exec 8>"$AI1C_ROOT/docker/state/maintenance.lock"
    flock 8
    for _ in 1 2 3 4; do pass; done
)
is "$(messages) $(restarts)" "5 0" "nothing during maintenance"
