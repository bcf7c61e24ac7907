# shellcheck shell=bash
# Telling people: a message to a chat's incoming webhook. Sourced after common.sh.

# webhook_url: ALERT_WEBHOOK_URL, else the secret; nothing when neither is set.
webhook_url() {
    local url=${ALERT_WEBHOOK_URL:-}
    if [[ -z $url && -s $(secrets_dir)/alert_webhook_url ]]; then url=$(cat "$(secrets_dir)/alert_webhook_url"); fi
    # What stands there while nobody has set one.
    if [[ $url != http://127.0.0.1:9/ ]]; then printf '%s' "$url"; fi
}

json_string() {
    local text=$1
    text=${text//\\/\\\\}
    text=${text//\"/\\\"}
    text=${text//$'\n'/\\n}
    text=${text//[$'\t\r']/ }
    printf '"%s"' "$text"
}

# send_alert RU EN: {"text": …}, which Slack, Mattermost, Rocket.Chat and others take. The address is as
# good as a password, so it is on no command line. True when it was taken or when there is nowhere to send it.
send_alert() {
    local url message
    message="[$(project_name)@$(uname -n)] $(text "$1" "$2")"
    printf '%s %s\n' "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$message"
    url=$(webhook_url)
    [[ -n $url ]] || return 0
    curl --silent --show-error --fail --output /dev/null --max-time 10 --header 'Content-Type: application/json' \
        --data-binary "{\"text\":$(json_string "$message")}" --config <(printf 'url = "%s"\n' "$url") >&2
}
