#!/usr/bin/env bash
# Ships log lines for real: rsyslog with the committed configuration, container log files as Docker
# writes them, and a sink that answers as Elasticsearch does. Proves that every line of our project
# arrives exactly once and unchanged, across refusals, an outage of the sink, and a restart of the
# shipper that forgot how far it had read.
#
#   log_shipping.sh [--project NAME] [--keep]
#
# --project also ships what the containers of that Compose project have logged so far (root is needed to
# read it) and compares with `docker logs`. --keep leaves the working folder.
# Needs rsyslog and rsyslog-elasticsearch (8.2302), jq, curl, Python 3.11.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
elk=$here/../monitoring/elk
deadline_seconds=60

usage() {
    sed -n '2,11s/^# \{0,1\}//p' "$0"
}

keep='' project=''
while [ $# -gt 0 ]; do
    case $1 in
        --keep) keep=1 ;;
        --project)
            project=${2:?the name of a Compose project}
            shift
            ;;
        --help)
            usage
            exit 0
            ;;
        *)
            usage >&2
            exit 2
            ;;
    esac
    shift
done

work=$(mktemp -d)
sink_pid='' shipper_pid=''

# end PID: asks the process to end and waits for that.
end() {
    if [ -n "$1" ]; then
        kill "$1" 2>/dev/null || true
        wait "$1" 2>/dev/null || true
    fi
}

clean_up() {
    status=$?
    end "$shipper_pid"
    end "$sink_pid"
    if [ "$status" != 0 ]; then
        echo "log_shipping: failed; what rsyslog and the sink said:" >&2
        tail -n 20 "$work/rsyslog.log" "$work/sink.log" >&2 || true
    fi
    if [ -n "$keep" ]; then
        echo "log_shipping: $work is kept"
    else
        rm -rf "$work"
    fi
}
trap clean_up EXIT

port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
export COMPOSE_PROJECT_NAME=shipping CONTAINERS_DIR=$work/containers WORK_DIR=$work/state
export ELASTICSEARCH_HOST=127.0.0.1 ELASTICSEARCH_PORT=$port SHIPPER_USER=ai1c_shipper SHIPPER_PASSWORD=not-a-secret
mkdir -p "$CONTAINERS_DIR" "$WORK_DIR"

say() { echo "log_shipping: $*"; }

stat() { curl --silent --fail --max-time 5 "http://127.0.0.1:$port/_sink/stats" | jq ".$1"; }

# wait_until WHAT COMMAND...: polls, since neither program tells when it is done.
wait_until() {
    local what=$1 until=$((SECONDS + deadline_seconds))
    shift
    until "$@"; do
        if [ "$SECONDS" -ge "$until" ]; then
            say "$what: not within $deadline_seconds s; $(curl --silent "http://127.0.0.1:$port/_sink/stats")" >&2
            exit 1
        fi
        sleep 0.2
    done
}

at_least() { [ "$(stat "$1" 2>/dev/null || echo 0)" -ge "$2" ]; }
answers() { stat documents >/dev/null 2>&1; }

start_sink() {
    python3 "$here/bulk_sink.py" --port "$port" --documents "$work/documents" "$@" >"$work/sink.log" 2>&1 &
    sink_pid=$!
    wait_until "the sink" answers
}

start_shipper() {
    rsyslogd -n -f "$elk/rsyslog.conf" -i "$work/rsyslog.pid" >>"$work/rsyslog.log" 2>&1 &
    shipper_pid=$!
}

expected() { python3 "$here/shipping_lines.py" expected "$@"; }
write() { python3 "$here/shipping_lines.py" write "$CONTAINERS_DIR" "$@"; }

rsyslogd -N1 -f "$elk/rsyslog.conf" >"$work/rsyslog.log" 2>&1 || {
    say "rsyslog refuses its configuration" >&2
    exit 1
}

say "1. a sink that refuses a whole request and single documents"
write 1 400
start_sink --refuse-requests 1 --refuse-documents 5
start_shipper
refused_arrived() {
    "$elk/resend-refused.sh" --pid-file "$work/rsyslog.pid" "$WORK_DIR/refused-requests.json" >>"$work/resent.log" 2>&1 || true
    at_least documents "$(expected 1 400)"
}
wait_until "the refused documents" refused_arrived
if [ "$(stat refused_requests)" != 1 ] || [ "$(stat refused_documents)" != 5 ]; then
    say "the sink did not refuse what it should: $(curl --silent "http://127.0.0.1:$port/_sink/stats")" >&2
    exit 1
fi
grep -q 'sent again' "$work/resent.log"
say "   $(stat documents) documents; refused: 1 request, 5 documents"

say "2. the sink is away while lines are written"
end "$sink_pid"
sink_pid=''
write 401 1400
start_sink
wait_until "what waited for the sink" at_least documents "$(expected 1 1400)"
say "   $(stat documents) documents"

say "3. the shipper is away while lines are written, and forgets how far it had read"
end "$shipper_pid"
shipper_pid=''
rm -f "$WORK_DIR"/imfile-state:*
write 1401 2000
before=$(stat conflicts)
start_shipper
wait_until "what was written meanwhile" at_least documents "$(expected 1 2000)"
# Everything that had arrived before is sent again, and refused.
wait_until "what was read again" at_least conflicts $((before + $(expected 1 1400)))
say "   $(stat documents) documents, $(($(stat conflicts) - before)) lines read again were refused"

[ "$(stat faults)" = 0 ] || {
    say "the shipper sent $(stat faults) requests that Elasticsearch could not read" >&2
    exit 1
}
end "$shipper_pid"
shipper_pid=''
python3 "$here/shipping_lines.py" verify "$work/documents" 1 2000
say "every line arrived once"
[ -n "$project" ] || exit 0

say "4. the containers of $project"
# Lines of the containers, as `docker logs` has them; empty lines are not shipped.
logged() {
    local container
    while read -r container; do
        docker logs "$container" 2>&1
    done < <(docker ps --all --quiet --filter "label=com.docker.compose.project=$project") | grep -c . || true
}
end "$sink_pid"
sink_pid=''
export COMPOSE_PROJECT_NAME=$project WORK_DIR=$work/state-of-project
CONTAINERS_DIR=$(docker info --format '{{.DockerRootDir}}')/containers
mkdir "$WORK_DIR"
mv "$work/documents" "$work/documents-1-3"
before=$(logged)
start_sink
start_shipper
wait_until "the lines of $project" at_least documents "$before"
documents=$(stat documents)
after=$(logged)
# The project goes on logging meanwhile.
if [ "$before" = 0 ] || [ "$documents" -gt "$after" ] || [ "$(stat faults)" != 0 ]; then
    say "$before to $after lines, but $documents documents and $(stat faults) faults" >&2
    exit 1
fi
say "   $before to $after lines by docker logs, $documents documents"
