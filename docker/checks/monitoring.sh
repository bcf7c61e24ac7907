#!/usr/bin/env bash
# All checks of the monitoring that need no running system: Prometheus' configuration, rules and tests of
# alerts, Alertmanager, dashboards. Needs promtool, amtool and alertmanager (Debian: prometheus,
# prometheus-alertmanager). Python packages go into a folder of their own, CHECKS_VENV (target/checks-venv).
# What a running system shows is checked by check_live.py.
set -euo pipefail
cd "$(dirname "$0")/../.."

case "${1:-}" in
    "") ;;
    -h | --help) sed -n '2,5s/^# //p' "$0"; exit 0 ;;
    *) echo "monitoring.sh takes no arguments" >&2; exit 64 ;;
esac

for program in promtool amtool python3; do
    command -v "$program" >/dev/null || {
        echo "$program is missing; on Debian: apt-get install prometheus prometheus-alertmanager python3-venv" >&2
        exit 1
    }
done

venv=${CHECKS_VENV:-target/checks-venv}
requirements=docker/checks/requirements.txt
if ! cmp -s "$requirements" "$venv/requirements.txt"; then
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check -r "$requirements"
    cp "$requirements" "$venv/requirements.txt"
fi
export PYTHON=$venv/bin/python PYTHONDONTWRITEBYTECODE=1

prometheus=docker/monitoring/prometheus
step() { printf -- '-- %s\n' "$*"; }

step "Prometheus: configuration and rules"
promtool check config "$prometheus/prometheus.yml"
step "Prometheus: tests of the alerts"
promtool test rules "$prometheus"/tests/*.yml
step "alerts: severity, runbook, tests"
"$PYTHON" docker/checks/promql_rules.py
step "Alertmanager"
docker/checks/alertmanager.sh
step "Grafana: dashboards"
"$PYTHON" docker/checks/dashboards.py
