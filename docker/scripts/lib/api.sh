# shellcheck shell=bash
# Calls through nginx, as any client makes them. Sourced after common.sh; needs curl and jq.

# edge_address: what a person types; edge_options fills EDGE_OPTIONS with how curl gets there.
edge_address() {
    local port=${HTTPS_PORT:-443}
    printf 'https://%s' "${SERVER_NAME:-localhost}"
    if [[ $port != 443 ]]; then printf ':%s' "$port"; fi
    printf '\n'
}

# Where something published on all addresses is reached from here.
reachable_address() { if [[ $(bind_address) == 0.0.0.0 ]]; then echo 127.0.0.1; else bind_address; fi; }

edge_options() {
    local certificate port=${HTTPS_PORT:-443}
    EDGE_OPTIONS=(--silent --show-error --noproxy '*' --max-time "${EDGE_TIMEOUT:-150}"
        --connect-to "::$(reachable_address):$port")
    certificate=$(tls_dir)/tls.crt
    if [[ -s $certificate ]]; then
        EDGE_OPTIONS+=(--cacert "$certificate")
    elif [[ $(environment) == development ]]; then
        # Without a pair nginx makes one of its own, which nobody can know beforehand.
        EDGE_OPTIONS+=(--insecure)
    fi
}

# api METHOD PATH [JSON] with the token in API_TOKEN: prints the answer's body, sets API_STATUS. Token
# and body go in by files: they are on no command line. Run as `api … >file`, since a subshell would
# keep the status for itself.
api() {
    local method=$1 path=$2 body=${3:-} options=() output
    edge_options
    options=("${EDGE_OPTIONS[@]}" --request "$method" --header 'Accept: application/json'
        --header "Accept-Language: $(if russian; then echo ru; else echo en; fi)"
        --write-out '\n%{http_code}')
    if [[ -n $body ]]; then options+=(--header 'Content-Type: application/json' --data-binary @-); fi
    API_STATUS=000
    output=$(printf '%s' "$body" | curl "${options[@]}" --config <(
        printf 'url = "%s%s"\n' "$(edge_address)" "$path"
        if [[ -n ${API_TOKEN:-} ]]; then printf 'header = "Authorization: Bearer %s"\n' "$API_TOKEN"; fi
    )) || return 1
    API_STATUS=${output##*$'\n'}
    printf '%s\n' "${output%$'\n'*}"
}

# api_ok METHOD PATH [JSON]: the same; false, with the answer on standard error, unless it is 2xx.
api_ok() {
    local answer file
    file=$(mktemp)
    if api "$@" >"$file" && [[ $API_STATUS == 2* ]]; then cat "$file"; rm -f "$file"; return; fi
    answer=$(head -c 500 "$file")
    rm -f "$file"
    warn "$1 $2: ответ $API_STATUS $answer" "$1 $2: answered $API_STATUS $answer"
    return 1
}

# log_in EMAIL PASSWORD: prints an access token.
log_in() {
    local body
    body=$(PASSWORD=$2 jq -cn --arg email "$1" '{email: $email, password: env.PASSWORD}')
    API_TOKEN='' api_ok POST /api/users/auth/login "$body" | jq -er .access_token
}
