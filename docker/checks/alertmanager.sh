#!/usr/bin/env bash
# Checks Alertmanager's configuration: its syntax, who is told of what, and what is silenced by what.
# Needs amtool and alertmanager (Debian: prometheus-alertmanager); Python with PyYAML as $PYTHON.
set -euo pipefail
cd "$(dirname "$0")/../.."

case "${1:-}" in
    "") ;;
    -h | --help) sed -n '2,3s/^# //p' "$0"; exit 0 ;;
    *) echo "alertmanager.sh takes no arguments" >&2; exit 64 ;;
esac

python=${PYTHON:-python3}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

# The secrets are files of a container, and url_file is not known before Alertmanager 0.26, which
# distributions still ship: the copy has addresses in their place. The newer one is asked as well.
sed -E 's#url_file: /run/secrets/([a-z_]+)#url: "http://127.0.0.1:9/\1"#' \
    docker/monitoring/alertmanager/alertmanager.yml >"$folder/alertmanager.yml"
if grep -q url_file "$folder/alertmanager.yml"; then
    echo "a url_file was not replaced" >&2
    exit 1
fi
amtool check-config "$folder/alertmanager.yml"
version=$(amtool --version 2>&1 | sed -n 's/^amtool, version \([0-9]*\)\.\([0-9]*\).*/\1 \2/p')
read -r major minor <<<"$version"
if ((major > 0 || minor >= 26)); then
    amtool check-config docker/monitoring/alertmanager/alertmanager.yml >/dev/null
else
    echo "amtool 0.$minor does not know url_file: a copy with addresses was checked"
fi

# goes RECEIVER LABEL=VALUE...
goes() {
    local receiver=$1
    shift
    amtool config routes test --config.file="$folder/alertmanager.yml" --verify.receivers="$receiver" "$@" >/dev/null 2>"$folder/why" || {
        echo "$* does not go to $receiver: $(cat "$folder/why")" >&2
        exit 1
    }
}
goes watchdog alertname=Watchdog severity=none
goes page alertname=ServiceDown severity=page service=gateway
goes page alertname=AuditChainBroken severity=page service=security
goes ticket alertname=HighLatency severity=ticket service=analytics
# What names no severity is not lost.
goes ticket alertname=SomethingNew
echo "routes lead where they should"

"$python" docker/checks/alertmanager_inhibition.py "$folder/alertmanager.yml"
