#!/usr/bin/env bash
# Questions and reports through nginx by several users at once.
# shellcheck source=/dev/null
. "$(dirname -- "${BASH_SOURCE[0]}")/prepare.sh"

help() {
    say "load-test [--questions N] [--reports N] [--concurrency N] [--p95-ms N]
  N вопросов (40) и N отчётов (40) через nginx от нескольких демо-пользователей, по 4 сразу. Печатает
  перцентили времени ответа и отказы. Код 1, если были отказы или превышен --p95-ms (2000)." \
        "load-test [--questions N] [--reports N] [--concurrency N] [--p95-ms N]
  N questions (40) and N reports (40) through nginx by several demo users, 4 at a time. Prints
  percentiles of the time to answer and failures. Code 1 when there were failures or --p95-ms (2000) was
  exceeded."
}

questions=40 reports=40 concurrency=4 limit=2000
while (($#)); do
    case $1 in
        -h | --help) help; exit ;;
        --questions) positive "$1" "${2:-}"; questions=$2; shift ;;
        --reports) positive "$1" "${2:-}"; reports=$2; shift ;;
        --concurrency) positive "$1" "${2:-}"; concurrency=$2; shift ;;
        --p95-ms) positive "$1" "${2:-}"; limit=$2; shift ;;
        *) usage_error "не понимаю $1" "what is $1?" ;;
    esac
    shift
done

# Each user has a limit of questions per minute, so the load is shared by those who may ask about 1C.
users=(accountant director manager)
tokens=()
for user in "${users[@]}"; do
    tokens+=("$(log_in "$user@demo.local" "$(admin_password)")") ||
        die 1 "нет демо-пользователей: docker-dev.sh start" "there are no demo users: docker-dev.sh start"
done

asked=("$DEMO_QUESTION" "Сколько денег на счетах и в кассе?" "Какие остатки на складах?" "Кому мы должны?")
wanted=(receivables payables cash stock)

# One process of curl makes all the requests, so that connections are kept as a browser keeps them. The
# answers go nowhere: only their status and time count.
request() { # request KIND NUMBER URL [JSON]
    printf 'url = "%s%s"\n' "$(edge_address)" "$3"
    printf 'header = "Authorization: Bearer %s"\n' "${tokens[$2 % ${#tokens[@]}]}"
    if [[ -n ${4:-} ]]; then printf 'header = "Content-Type: application/json"\ndata = "%s"\n' "${4//\"/\\\"}"; fi
    printf 'output = "/dev/null"\nwrite-out = "%s %%{http_code} %%{time_total}\\n"\n' "$1"
}
edge_options
declare -a kinds=()
for ((i = 0; i < questions || i < reports; i++)); do
    if ((i < questions)); then kinds+=("question $i"); fi
    if ((i < reports)); then kinds+=("report $i"); fi
done
first=1
for kind in "${kinds[@]}"; do
    # Options of curl end at `next`, so each request carries its own.
    if ((first)); then first=0; else echo next; fi
    printf '%s\n' "silent" "show-error" "noproxy = \"*\"" "max-time = 150"
    printf 'connect-to = "::%s:%s"\n' "$(reachable_address)" "${HTTPS_PORT:-443}"
    if [[ -s $(tls_dir)/tls.crt ]]; then printf 'cacert = "%s"\n' "$(tls_dir)/tls.crt"; else echo insecure; fi
    number=${kind#* }
    if [[ $kind == question* ]]; then
        request question "$number" /api/ai/chat "$(jq -cn --arg message "${asked[number % ${#asked[@]}]}" '{message: $message}')"
    else
        request report "$number" "/api/1c/reports/${wanted[number % ${#wanted[@]}]}?limit=50"
    fi
done >"$WORK/requests"
chmod 0600 "$WORK/requests"

started=$(date +%s%N)
curl --parallel --parallel-max "$concurrency" --config "$WORK/requests" >"$WORK/results" 2>"$WORK/errors" || true
elapsed=$(($(date +%s%N) - started))

failed=$(awk '$2 < 200 || $2 > 299' "$WORK/results" | wc -l)
missing=$((${#kinds[@]} - $(wc -l <"$WORK/results")))
over=0
printf '  %-10s %6s %8s %8s %8s %8s %8s\n' "$(text вид kind)" "$(text число count)" "$(text отказы failed)" p50 p95 p99 "$(text макс max)"
for kind in question report; do
    awk -v kind=$kind '$1 == kind && $2 >= 200 && $2 < 300 { printf "%.0f\n", $3 * 1000 }' "$WORK/results" | sort -n >"$WORK/$kind"
    p95=$(percentile 95 <"$WORK/$kind")
    printf '  %-10s %6s %8s %8s %8s %8s %8s ms\n' "$kind" "$(grep -c "^$kind" "$WORK/results" || true)" \
        "$(awk -v kind=$kind '$1 == kind && ($2 < 200 || $2 > 299)' "$WORK/results" | wc -l)" \
        "$(percentile 50 <"$WORK/$kind")" "$p95" "$(percentile 99 <"$WORK/$kind")" "$(percentile 100 <"$WORK/$kind")"
    if [[ $p95 != - ]] && ((p95 > limit)); then over=1; fi
done
awk -v n="${#kinds[@]}" -v ns="$elapsed" -v word="$(text 'запросов в секунду' 'requests per second')" 'BEGIN { printf "  %.1f %s\n", n / (ns / 1e9), word }'
if ((failed + missing)); then
    say "отказы: $failed, без ответа: $missing" "failed: $failed, without an answer: $missing" >&2
    awk '$2 < 200 || $2 > 299 { print "  " $1, $2 }' "$WORK/results" | sort | uniq -c >&2
    sort "$WORK/errors" | uniq -c | head -n 5 >&2
    exit 1
fi
if ((over)); then die 1 "p95 больше $limit мс" "p95 is above $limit ms"; fi
