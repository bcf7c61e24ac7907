#!/usr/bin/env bash
# Prepares Elasticsearch and Kibana for our logs. Safe to repeat: everything is put, not added.
#
#   setup.sh elasticsearch   lifecycle, ingest pipeline, templates, data stream, the shipper's role
#                            and user, the password of Kibana's own user
#   setup.sh kibana          data view and saved searches
#
# ELASTICSEARCH_URL, KIBANA_URL, SECRETS_FOLDER, WAIT_SECONDS: where, and how long to wait for health.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
elasticsearch=${ELASTICSEARCH_URL:-http://elasticsearch:9200}
kibana=${KIBANA_URL:-http://kibana:5601}
secrets=${SECRETS_FOLDER:-/run/secrets}
wait_seconds=${WAIT_SECONDS:-180}
data_stream=logs-ai1c-default

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
umask 077

say() { echo "elk-setup: $*"; }

die() {
    echo "elk-setup: $*" >&2
    exit 1
}

# secret NAME: its value, which must not need escaping in JSON or in curl's configuration.
secret() {
    local value
    [ -s "$secrets/$1" ] || die "the secret $1 is missing or empty"
    value=$(<"$secrets/$1")
    [[ $value =~ ^[A-Za-z0-9._~+/=@%^:,-]{6,}$ ]] ||
        die "the secret $1 must be at least 6 letters, digits or of ._~+/=@%^:,-"
    printf '%s' "$value"
}

# call METHOD URL [curl argument...]: the status goes to $status, the body to $work/body. The password
# is in a file, since every process of the machine can read a command line.
call() {
    local method=$1 url=$2
    shift 2
    status=$(curl --silent --config "$work/curl" --request "$method" --output "$work/body" \
        --write-out '%{http_code}' --max-time 60 "$@" "$url") || status=000
}

# put WHAT PATH FILE: WHAT is for people.
put() {
    call PUT "$elasticsearch$2" --header 'Content-Type: application/json' --data-binary "@$3"
    [[ $status == 2?? ]] || die "$1: HTTP $status $(<"$work/body")"
    say "in place: $1"
}

# wait_for WHAT URL: polls until the answer is 200. A refused password will not get better.
wait_for() {
    local deadline=$((SECONDS + wait_seconds))
    : >"$work/body"
    until call GET "$2" && [ "$status" = 200 ]; do
        [ "$status" != 401 ] || die "$1 refuses the password of the user elastic"
        [ "$SECONDS" -lt "$deadline" ] || die "$1 was not healthy within $wait_seconds s (HTTP $status)"
        sleep 1
    done
    say "$1 is healthy"
}

set_up_elasticsearch() {
    local shipper_password kibana_password
    shipper_password=$(secret filebeat_password)
    kibana_password=$(secret kibana_password)
    wait_for Elasticsearch "$elasticsearch/_cluster/health?wait_for_status=yellow&timeout=5s"
    local files=$here/elasticsearch
    put "the lifecycle policy" /_ilm/policy/ai1c-logs "$files/ilm-policy.json"
    put "the ingest pipeline" /_ingest/pipeline/ai1c-logs "$files/ingest-pipeline.json"
    put "the mappings" /_component_template/ai1c-logs-mappings "$files/component-mappings.json"
    put "the settings" /_component_template/ai1c-logs-settings "$files/component-settings.json"
    put "the index template" /_index_template/ai1c-logs "$files/index-template.json"

    call GET "$elasticsearch/_data_stream/$data_stream"
    case $status in
        404)
            call PUT "$elasticsearch/_data_stream/$data_stream"
            [[ $status == 2?? ]] || die "the data stream: HTTP $status $(<"$work/body")"
            say "the data stream $data_stream is made"
            ;;
        200)
            # Lines that came before the template made a stream of the built-in one; an index keeps its
            # mapping, the next one takes ours.
            if grep -q '"template" *: *"ai1c-logs"' "$work/body"; then
                say "the data stream $data_stream exists"
            else
                call POST "$elasticsearch/$data_stream/_rollover"
                [[ $status == 2?? ]] || die "the roll-over: HTTP $status $(<"$work/body")"
                say "the data stream $data_stream goes on in an index of our template"
            fi
            ;;
        *) die "the data stream: HTTP $status $(<"$work/body")" ;;
    esac

    put "the role of the shipper" /_security/role/ai1c_shipper "$files/shipper-role.json"
    printf '{"password":"%s","roles":["ai1c_shipper"],"full_name":"Filebeat"}' "$shipper_password" >"$work/user"
    put "the user of the shipper" /_security/user/ai1c_shipper "$work/user"
    printf '{"password":"%s"}' "$kibana_password" >"$work/user"
    call POST "$elasticsearch/_security/user/kibana_system/_password" \
        --header 'Content-Type: application/json' --data-binary "@$work/user"
    [[ $status == 2?? ]] || die "the password of kibana_system: HTTP $status $(<"$work/body")"
    say "the password of kibana_system is set"
}

set_up_kibana() {
    wait_for Kibana "$kibana/api/status"
    call POST "$kibana/api/saved_objects/_import?overwrite=true" --header 'kbn-xsrf: elk-setup' \
        --form "file=@$here/kibana/objects.ndjson;type=application/ndjson"
    # The answer is 200 even when objects were refused.
    if [ "$status" != 200 ] || ! grep -q '"success":true' "$work/body"; then
        die "the saved objects: HTTP $status $(<"$work/body")"
    fi
    say "the data view and the saved searches are in place"
    call POST "$kibana/api/data_views/default" --header 'kbn-xsrf: elk-setup' \
        --header 'Content-Type: application/json' --data '{"data_view_id":"ai1c-logs","force":true}'
    [[ $status == 2?? ]] || die "the default data view: HTTP $status $(<"$work/body")"
    say "the data view is the default one"
}

case ${1:-} in
    elasticsearch | kibana) ;;
    --help)
        sed -n '2,8s/^# \{0,1\}//p' "$0"
        exit 0
        ;;
    *)
        sed -n '2,8s/^# \{0,1\}//p' "$0" >&2
        exit 2
        ;;
esac
password=$(secret elastic_password)
printf 'user = "elastic:%s"\n' "$password" >"$work/curl"
"set_up_$1"
say "done"
