#!/usr/bin/env bash
# What a stranger tries first, against the running system.
# shellcheck source=/dev/null
. "$(dirname -- "${BASH_SOURCE[0]}")/prepare.sh"

if [[ ${1:-} == -h || ${1:-} == --help ]]; then
    say "security-test
  Без токена, с поддельным токеном, с чужими правами, хитрые пути, большие тела, чужие заголовки,
  старые TLS, заголовки безопасности, закрытые порты, ограничение частоты. Код 1, если что-то прошло,
  чему нельзя. Последняя проверка на минуту исчерпывает лимит входов с этого адреса." \
        "security-test
  Without a token, with a forged one, with too few rights, path tricks, large bodies, foreign headers, old
  TLS, security headers, closed ports, the rate limit. Code 1 when something got through that must not.
  The last check uses up this address's limit of logins for a minute."
    exit
fi
(($# == 0)) || usage_error "не понимаю $1" "what is $1?"

failures=0
verdict() { # verdict TRUE|FALSE NAME DETAIL
    if [[ $1 == true ]]; then
        printf '  ok    %-52s %s\n' "$2" "${3:-}"
    else
        printf '  FAIL  %-52s %s\n' "$2" "${3:-}"
        failures=$((failures + 1))
    fi
}

edge_options
EDGE=$(edge_address)
# status OPTIONS... PATH: the status of a request through nginx; the path goes as it is written.
status() {
    local path=${*: -1}
    curl "${EDGE_OPTIONS[@]}" --max-time 30 --path-as-is --output "$WORK/body" --dump-header "$WORK/headers" \
        --write-out '%{http_code}' "${@:1:$#-1}" "$EDGE$path" 2>/dev/null || true
}
expect() { # expect NAME STATUS|STATUS... OPTIONS... PATH
    local name=$1 wanted=$2 got
    shift 2
    got=$(status "$@")
    if [[ "|$wanted|" == *"|$got|"* ]]; then verdict true "$name" "$got"; else verdict false "$name" "$got, $(text ждали expected) $wanted"; fi
}
# raw: what is on standard input, sent by TLS as it is; the answer's head.
raw() {
    timeout 10 openssl s_client -connect "$(reachable_address):${HTTPS_PORT:-443}" -servername "${SERVER_NAME:-localhost}" \
        -quiet -ign_eof 2>/dev/null | tr -d '\r\0' | head -n 40 || true
}
base64url() { openssl base64 -A | tr '+/' '-_' | tr -d '='; }

section() { printf '\n%s\n' "$(text "$1" "${2-$1}")"; }

TOKEN=$(log_in accountant@demo.local "$(admin_password)")
POWERLESS=$(log_in user@demo.local "$(admin_password)")
expect "$(text 'обычный запрос с токеном' 'an ordinary request with a token')" 200 -H "Authorization: Bearer $TOKEN" /api/1c/companies

section "Без токена" "Without a token"
for path in /api/1c/companies /api/1c/infobases /api/ai/conversations /api/users /api/users/me \
    /api/analytics/metrics /api/security/audit/log /api/security/threats; do
    expect "GET $path" 401 "$path"
done
expect "POST /api/ai/chat" 401 -H 'Content-Type: application/json' -d '{"message":"?"}' /api/ai/chat

section "Поддельный токен" "A forged token"
IFS=. read -r head claims signature <<<"$TOKEN"
padded=$(tr -- '-_' '+/' <<<"$claims")
while ((${#padded} % 4)); do padded+='='; done
admin=$(openssl base64 -d -A <<<"$padded" | jq -c '.role = "admin" | .perms = ["*"]' | base64url)
none=$(printf '{"alg":"none","typ":"at+jwt"}' | base64url)
expect "$(text 'роль заменена' 'the role changed')" 401 -H "Authorization: Bearer $head.$admin.$signature" /api/users
# What looks like an attack is refused before anybody looks whose it is.
expect 'alg none' '401|403' -H "Authorization: Bearer $none.$admin." /api/users
# The published key taken for the secret of a symmetric signature.
curl "${EDGE_OPTIONS[@]}" "$EDGE/api/users/.well-known/jwks.json" 2>/dev/null | jq -r '.keys[0].x' | tr -d '\n' >"$WORK/key"
hs=$(jq -cn --arg kid "$(tr -- '-_' '+/' <<<"$head" | { read -r h; while ((${#h} % 4)); do h+='='; done; openssl base64 -d -A <<<"$h"; } | jq -r '.kid // ""')" \
    '{alg: "HS256", typ: "at+jwt", kid: $kid}' | base64url)
mac=$(printf '%s.%s' "$hs" "$admin" | openssl dgst -sha256 -mac HMAC -macopt "hexkey:$(od -An -tx1 -v "$WORK/key" | tr -d ' \n')" -binary | base64url)
expect 'HS256' 401 -H "Authorization: Bearer $hs.$admin.$mac" /api/users
expect "$(text 'не токен' 'no token at all')" 401 -H 'Authorization: Bearer ../../etc/passwd' /api/users

section "Прав не хватает" "Too few rights"
for path in /api/1c/companies /api/users /api/security/audit/log /api/analytics/metrics; do
    expect "user: GET $path" 403 -H "Authorization: Bearer $POWERLESS" "$path"
done
expect "user: PUT /role" "403|404" -X PUT -H "Authorization: Bearer $POWERLESS" -H 'Content-Type: application/json' \
    -d '{"role":"admin","companies":["*"]}' /api/users/00000000-0000-7000-8000-000000000000/role

section "Пути" "Paths"
for path in /metrics /live /ready /api/metrics /api/ai/metrics /api/ai/../metrics /api/../metrics '/api/ai/%2e%2e/metrics' \
    '/api/users/health/../../security/audit/log' '/api/security/health/../audit/log' '/api/security/health%2f..%2faudit%2flog' \
    '/api/users/auth/login/../../me' '//api//1c//companies' '/api/ai/health;/../conversations' '/api/1c/companies%00' \
    '/.env' '/..%2f..%2fetc/passwd' '/api/users/auth%2flogin%2f..%2f..%2fme'; do
    expect "$path" "400|401|403|404|405" "$path"
done
expect "$(text 'метрики службы с токеном' 'metrics of a service with a token')" "403|404" -H "Authorization: Bearer $TOKEN" /api/ai/metrics

section "Тела и заголовки" "Bodies and headers"
head -c 11534336 /dev/zero | tr '\0' 'a' >"$WORK/large"
expect "$(text 'тело 11 МиБ' 'a body of 11 MiB')" 413 -X POST -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' \
    -H 'Expect:' --data-binary "@$WORK/large" /api/ai/chat
head -c 131072 "$WORK/large" >"$WORK/medium"
expect "$(text 'вход с телом 128 КиБ' 'a login of 128 KiB')" '403|413' -X POST -H 'Content-Type: application/json' -H 'Expect:' \
    --data-binary "@$WORK/medium" /api/users/auth/login
expect "$(text 'заголовок 64 КиБ' 'a header of 64 KiB')" "400|431|414" --http1.1 -H @<(printf 'X-Long: %s\n' "$(head -c 65536 "$WORK/large")") /api/users/health
for header in 'X-User-Id: 1' 'X-Role: admin' 'X-Forwarded-User: admin' 'X-Original-URL: /api/users/health' 'X-Rewrite-URL: /api/users/health'; do
    expect "$header" 401 -H "$header" /api/users
done
answer=$(printf 'GET /api/users/health HTTP/1.1\r\nHost: localhost\r\nX-Request-Id: a b"<x>\r\nConnection: close\r\n\r\n' | raw)
if [[ $answer == HTTP/* ]] && ! grep -qF '<x>' <<<"$answer"; then verdict true 'X-Request-Id: a b"<x>'; else verdict false 'X-Request-Id: a b"<x>' "$(head -n 1 <<<"$answer")"; fi
answer=$(printf 'POST /api/users/auth/login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n0\r\n\r\nGET /' | raw | head -n 1)
if [[ $answer == *' 400 '* ]]; then verdict true "Content-Length + Transfer-Encoding" "${answer#* }"; else verdict false "Content-Length + Transfer-Encoding" "$answer"; fi
answer=$(printf 'POST /api/users/auth/login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\nContent-Length: 20\r\nConnection: close\r\n\r\n{}' | raw | head -n 1)
if [[ $answer == *' 400 '* ]]; then verdict true "Content-Length × 2" "${answer#* }"; else verdict false "Content-Length × 2" "$answer"; fi

section "TLS"
# tls OPTIONS...: what a handshake says. The client is allowed what it would refuse by itself: only the
# server's refusal proves anything.
tls() {
    timeout 10 openssl s_client -connect "$(reachable_address):${HTTPS_PORT:-443}" -cipher 'ALL:@SECLEVEL=0' "$@" </dev/null 2>&1 || true
}
for version in tls1 tls1_1; do
    answer=$(tls "-$version")
    if grep -qE 'alert protocol version|alert number 70' <<<"$answer"; then
        verdict true "$version" "$(text 'отказ сервера' 'refused by the server')"
    elif grep -qE '^ *Protocol *: *TLSv1(\.1)?$|Cipher is [A-Z]' <<<"$answer" && ! grep -q 'Cipher is (NONE)' <<<"$answer"; then
        verdict false "$version" "$(text принят accepted)"
    else
        verdict false "$version" "$(text 'клиент не смог попробовать' 'the client could not try'): $(grep -m 1 error <<<"$answer")"
    fi
done
for version in tls1_2 tls1_3; do
    if grep -q 'Cipher is (NONE)' <<<"$(tls "-$version")" || ! grep -q 'Cipher is' <<<"$(tls "-$version")"; then verdict false "$version"; else verdict true "$version"; fi
done
# A nonexistent page of HTTP leads to HTTPS and to nothing else.
code=$(curl --silent --noproxy '*' --output /dev/null --dump-header "$WORK/headers" --write-out '%{http_code}' \
    "http://$(reachable_address):${HTTP_PORT:-80}/api/users" || true)
if [[ $code == 30[18] ]] && grep -qi '^location: https://' "$WORK/headers"; then verdict true "http → https" "$code"; else verdict false "http → https" "$code"; fi

section "Заголовки ответов" "Headers of answers"
has_header() { # has_header PATH HEADER
    status "$1" >/dev/null
    if grep -qi "^$2" "$WORK/headers"; then verdict true "$1: $2"; else verdict false "$1: $2"; fi
}
for header in 'x-content-type-options: *nosniff' 'x-frame-options: *DENY' 'content-security-policy:' 'referrer-policy:'; do has_header / "$header"; done
has_header /api/users/health 'x-content-type-options: *nosniff'
has_header /api/users/health 'x-request-id:'
if [[ $(environment) != development ]]; then has_header /api/users/health 'strict-transport-security:'; fi
status / >/dev/null
if grep -qiE '^server: *[a-z]+/[0-9]' "$WORK/headers"; then verdict false "$(text 'версия сервера скрыта' 'no version of the server')"; else verdict true "$(text 'версия сервера скрыта' 'no version of the server')"; fi

section "Порты" "Ports"
for port in 4000 9000 9001 9002 9003 9004; do
    if (exec 3<>"/dev/tcp/$(reachable_address)/$port") 2>/dev/null; then verdict false "$port" "$(text открыт open)"; else verdict true "$port" "$(text закрыт closed)"; fi
done
wide=$(compose --profile '*' ps --format '{{range .Publishers}}{{if .PublishedPort}}{{.URL}}:{{.PublishedPort}} {{$.Service}}
{{end}}{{end}}' | grep . | sort -u)
if [[ $(environment) == development ]]; then
    outside=$(grep -vE "^$(bind_address | sed 's/\./\\./g'):" <<<"$wide" || true)
else
    outside=$(grep -vE ' nginx$' <<<"$wide" || true)
fi
if [[ -z $outside ]]; then verdict true "$(text 'опубликовано только то, что должно' 'nothing is published that must not be')"; else
    verdict false "$(text 'опубликовано только то, что должно' 'nothing is published that must not be')" "${outside//$'\n'/, }"
fi

section "Частота" "Rate"
# Bodies that are no login at all: the limit counts them, the detector of guessed passwords does not.
limited=0
for ((i = 0; i < 150 && limited == 0; i++)); do
    if [[ $(status -H 'Content-Type: application/json' -d '{}' /api/users/auth/login) == 429 ]]; then limited=$((i + 1)); fi
done
if ((limited)); then
    verdict true "429" "$(text "после $limited запросов" "after $limited requests")"
    if grep -qi '^retry-after:' "$WORK/headers"; then verdict true "Retry-After"; else verdict false "Retry-After"; fi
else
    verdict false "429" "$(text 'не наступил за 150 запросов' 'did not come within 150 requests')"
fi

echo
if ((failures)); then die 1 "не прошло: $failures" "failed: $failures"; fi
say "всё прошло" "all passed"
