#!/usr/bin/env bash
# Checks the logs of a running Compose project, then ships lines for real.
#
#   COMPOSE_PROJECT_NAME=… docker/checks/logs.sh
#
# GATEWAY_URL (http://BIND_ADDRESS:3000), NGINX_URL (https://BIND_ADDRESS), SECRETS_DIR as for Compose.
# NGINX_URL= leaves nginx out. THROWAWAY=1 also adds an infobase that cannot be reached, for the lines of
# failures: for a project that is destroyed afterwards. Needs root, for the containers' log files; installs
# rsyslog (not its service) when it is missing.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
if [ "${1:-}" = --help ]; then
    sed -n '2,9s/^# \{0,1\}//p' "$here/logs.sh"
    exit 0
fi
cd "$here/../.."
project=${COMPOSE_PROJECT_NAME:-ai-assistants-1c}
address=${BIND_ADDRESS:-127.0.0.1}
gateway=${GATEWAY_URL:-http://$address:${GATEWAY_PORT:-3000}}
nginx=${NGINX_URL-https://$address:${HTTPS_PORT:-443}}

arguments=(--project "$project" --gateway "$gateway" --secrets "${SECRETS_DIR:-docker/secrets/development}")
[ -z "${THROWAWAY:-}" ] || arguments+=(--throwaway)
[ -z "$nginx" ] || arguments+=(--nginx "$nginx")
echo "==> log lines of $project"
python3 docker/checks/logs_ecs.py "${arguments[@]}"

echo "==> log shipping"
if ! command -v rsyslogd >/dev/null || ! [ -e /usr/lib/x86_64-linux-gnu/rsyslog/omelasticsearch.so ]; then
    # The package starts a service that would take over the machine's log: forbidden while installing.
    policy=/usr/sbin/policy-rc.d
    made=
    if [ ! -e $policy ]; then
        made=1
        printf '#!/bin/sh\nexit 101\n' >$policy
        chmod 755 $policy
    fi
    installed=0
    apt-get update -qq &&
        DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 install -y -qq \
            --no-install-recommends rsyslog rsyslog-elasticsearch jq curl >/dev/null || installed=$?
    [ -z "$made" ] || rm -f $policy
    [ "$installed" = 0 ]
fi
docker/checks/log_shipping.sh --project "$project"
