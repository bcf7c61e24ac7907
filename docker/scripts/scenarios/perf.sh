#!/usr/bin/env bash
# What the gateway and nginx add to a request: medians of the same answer, side by side in one run.
# shellcheck source=/dev/null
. "$(dirname -- "${BASH_SOURCE[0]}")/prepare.sh"

help() {
    say "perf-test [--rounds N] [--max-ratio R]
  Одно и то же (/health службы security) напрямую, через шлюз и через nginx: по 50 запросов по очереди,
  N раз (6). Печатает медианы и их отношение; код 1, если шлюз медленнее в R (4) раз." \
        "perf-test [--rounds N] [--max-ratio R]
  The same thing (/health of security) directly, through the gateway and through nginx: 50 requests each
  in turn, N times (6). Prints medians and their ratios; code 1 when the gateway is R (4) times slower."
}

rounds=6 ratio=4
while (($#)); do
    case $1 in
        -h | --help) help; exit ;;
        --rounds) positive "$1" "${2:-}"; rounds=$2; shift ;;
        --max-ratio)
            [[ ${2:-} =~ ^[0-9]+(\.[0-9]+)?$ ]] || usage_error "--max-ratio: нужно число" "--max-ratio needs a number"
            ratio=$2
            shift
            ;;
        *) usage_error "не понимаю $1" "what is $1?" ;;
    esac
    shift
done

edge_options
address=$(reachable_address)
# One process and one connection for 50 requests; the first one, which connects, is left out.
round() { # round NAME URL OPTIONS...
    local name=$1 url=$2
    shift 2
    curl --silent --show-error --noproxy '*' --max-time 30 "$@" --globoff --output /dev/null \
        --write-out '%{http_code} %{time_total}\n' --config <(
            for ((i = 0; i < 51; i++)); do printf 'url = "%s"\noutput = "/dev/null"\n' "$url"; done
        ) | tail -n +2 >>"$WORK/$name"
}
for ((i = 0; i < rounds; i++)); do
    round direct "http://$address:${SERVICE_PORT[security]}/health"
    round gateway "http://$address:${GATEWAY_PORT:-3000}/api/security/health"
    round nginx "$(edge_address)/api/security/health" "${EDGE_OPTIONS[@]}"
done

bad=$(cat "$WORK"/{direct,gateway,nginx} | grep -vc '^200 ' || true)
declare -A median=()
printf '  %-10s %6s %10s %10s %10s\n' "$(text путь path)" "$(text число count)" "p50 ms" "p95 ms" "$(text отношение ratio)"
for name in direct gateway nginx; do
    awk '$1 == 200 { print $2 * 1000 }' "$WORK/$name" | sort -n >"$WORK/sorted"
    median[$name]=$(percentile 50 <"$WORK/sorted")
    printf '  %-10s %6s %10.2f %10.2f %10.2f\n' "$name" "$(wc -l <"$WORK/sorted")" "${median[$name]/-/0}" \
        "$(percentile 95 <"$WORK/sorted" | tr - 0)" \
        "$(awk -v a="${median[$name]}" -v b="${median[direct]}" 'BEGIN { print (b > 0) ? a / b : 0 }')"
done
if ((bad)); then
    cat "$WORK"/{direct,gateway,nginx} | awk '$1 != 200 { print $1 }' | sort | uniq -c >&2
    die 1 "не 200: $bad" "not 200: $bad"
fi
awk -v a="${median[gateway]}" -v b="${median[direct]}" -v r="$ratio" 'BEGIN { exit !(a <= b * r) }' ||
    die 1 "шлюз медленнее прямого пути больше чем в $ratio раза" "the gateway is more than $ratio times slower than the direct way"
