#!/usr/bin/env bash
# Sends again what Elasticsearch refused as whole requests (HTTP 429 or 503), which rsyslog writes to
# refused-requests.json of its WORK_DIR and does not repeat. Safe to repeat: documents have ids.
#
#   resend-refused.sh [--pid-file /run/rsyslogd.pid] FILE
#
# ELASTICSEARCH_HOST, ELASTICSEARCH_PORT, SHIPPER_USER, SHIPPER_PASSWORD: as for rsyslog. Needs curl, jq.
set -euo pipefail

usage() {
    sed -n '2,7s/^# \{0,1\}//p' "$0"
}

pid_file=/run/rsyslogd.pid
while [ $# -gt 0 ]; do
    case $1 in
        --help)
            usage
            exit 0
            ;;
        --pid-file)
            pid_file=$2
            shift 2
            ;;
        -*)
            usage >&2
            exit 2
            ;;
        *) break ;;
    esac
done
[ $# -eq 1 ] || {
    usage >&2
    exit 2
}
file=$1
sending=$file.sending
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
umask 077
printf 'user = "%s:%s"\n' "$SHIPPER_USER" "$SHIPPER_PASSWORD" >"$work/curl"

# What a run that failed left comes first; rsyslog lets go of the file when told to.
if [ ! -s "$sending" ] && [ -s "$file" ]; then
    mv "$file" "$sending"
    if [ -s "$pid_file" ]; then
        kill -HUP "$(<"$pid_file")"
    fi
fi
[ -s "$sending" ] || {
    echo "nothing was refused"
    exit 0
}

documents=0
# rsyslog writes one JSON object after the other, not always with an end of line between them.
while IFS= read -r record; do
    jq -j .request.postdata <<<"$record" >"$work/body"
    status=$(curl --silent --config "$work/curl" --header 'Content-Type: application/x-ndjson' \
        --data-binary "@$work/body" --output "$work/answer" --write-out '%{http_code}' --max-time 60 \
        "http://$ELASTICSEARCH_HOST:$ELASTICSEARCH_PORT/_bulk") || status=000
    if [ "$status" != 200 ] ||
        ! jq -e '[.items[].create.status] | length > 0 and all(. < 300 or . == 409)' "$work/answer" >/dev/null; then
        echo "refused again (HTTP $status); $sending is kept for the next try" >&2
        exit 1
    fi
    documents=$((documents + $(jq '.items | length' "$work/answer")))
done < <(jq -c . "$sending")
rm "$sending"
echo "$documents documents were sent again"
