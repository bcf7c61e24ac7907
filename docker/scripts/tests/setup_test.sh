#!/usr/bin/env bash
# Secrets are strong, made once, and taken from .env where it has them.
# shellcheck source=/dev/null
. "$(dirname -- "${BASH_SOURCE[0]}")/assert.sh"

printf 'POSTGRES_PASSWORD=given-by-the-operator\n1C_PASSWORD=of-our-1c-server\nONEC_SERVER_URL=http://1c.example.org/base\nOPENAI_API_KEY=sk-test\nSMTP_PASSWORD=of-our-mail-server\n' >"$AI1C_ROOT/.env"
run "$SCRIPTS/docker-dev.sh" setup
is "$STATUS" 0 "setup: $OUTPUT"
local_secrets=$AI1C_ROOT/docker/secrets/local
secret() { cat "$local_secrets/$1"; }
is "$(secret postgres_ai_password)" given-by-the-operator POSTGRES_PASSWORD
is "$(secret onec_password)" of-our-1c-server 1C_PASSWORD
is "$(secret openai_api_key)" sk-test OPENAI_API_KEY
is "$(secret anthropic_api_key)" '' "absent is empty"
is "$(secret smtp_password)" of-our-mail-server SMTP_PASSWORD
for name in setup_token oidc_provider_client_secret supabase_key; do is "$(secret $name)" '' "$name is absent"; done
for name in redis_password jwt_secret_key onec_encryption_key audit_signing_key grafana_password backup_key postgres_monitoring_password; do
    [[ $(secret $name) =~ ^[0-9a-f]{48}$ ]] || fail "$name is not strong"
done
((${#local_secrets} && $(secret admin_password | wc -c) > 24)) || fail "admin_password is short"
is "$(cat "$local_secrets"/{redis_password,jwt_secret_key,onec_encryption_key,audit_signing_key,grafana_password,backup_key} | sort | uniq -d)" '' "no two are the same"
has "$(secret postgres_exporter)" "$(secret postgres_monitoring_password)" "the exporter's file"
has "$(secret redis_exporter)" "$(secret redis_password)" "the exporter's file"
# Whatever docker-compose.yml mounts exists.
# shellcheck disable=SC2013
for name in $(sed -n '/^secrets:/,$s/^  \([a-z0-9_]*\):.*/\1/p' "$AI1C_ROOT/docker-compose.yml"); do
    [[ -e $local_secrets/$name ]] || fail "docker-compose.yml wants the secret $name"
done
is "$(stat -c %a "$local_secrets")" 700 "the folder is closed"
is "$(stat -c %a "$local_secrets/redis_password")" 644 "containers can read"
is "$(grep -c '^SECRETS_DIR=./docker/secrets/local$' "$AI1C_ROOT/.env")" 1 SECRETS_DIR
openssl x509 -in "$AI1C_ROOT/docker/nginx/ssl/tls.crt" -noout -checkhost localhost | grep -q 'does match' || fail "the certificate is not for localhost"
is "$(openssl x509 -in "$AI1C_ROOT/docker/nginx/ssl/tls.crt" -noout -pubkey)" "$(openssl pkey -in "$AI1C_ROOT/docker/nginx/ssl/tls.key" -pubout)" "the pair belongs together"
grep -q '^ai1c_certificate_expiry_timestamp_seconds{file="tls.crt"} [0-9]*$' "$AI1C_ROOT/docker/state/metrics/ai1c_certificate.prom" || fail "no metric of the certificate"

digest() { cat "$local_secrets"/* "$AI1C_ROOT/.env" "$AI1C_ROOT/docker/nginx/ssl"/* | sha256sum; }
before=$(digest)
run "$SCRIPTS/docker-dev.sh" setup
is "$STATUS $(digest)" "0 $before" "repeating changes nothing"
printf 'changed-by-hand\n' >"$local_secrets/grafana_password"
rm "$local_secrets/redis_exporter"
run "$SCRIPTS/docker-dev.sh" setup
is "$STATUS" 0 "setup again"
is "$(secret grafana_password)" changed-by-hand "what exists is never overwritten"
has "$(secret redis_exporter)" "$(secret redis_password)" "what is missing is made"

# Data that were made under other passwords.
rm -rf "$AI1C_ROOT/docker/secrets" "$AI1C_ROOT/.env"
mkdir -p "$AI1C_ROOT/docker/secrets/development"
for name in jwt_secret_key onec_encryption_key admin_password; do echo "well-known-$name" >"$AI1C_ROOT/docker/secrets/development/$name"; done
answer_docker volumes "volume ls" "ai-assistants-1c_postgres_ai
ai-assistants-1c_redis"
run "$SCRIPTS/docker-dev.sh" setup
is "$STATUS" 0 "setup beside data"
has "$OUTPUT" "ai-assistants-1c_postgres_ai" "says which data"
has "$OUTPUT" "--keep-data" "offers a way out"
[[ ! -e $local_secrets ]] || fail "secrets were made without an answer"
is "$(grep -c '^SECRETS_DIR=' "$AI1C_ROOT/.env" || true)" 0 "the former secrets stay in use"
: >"$CALLS"
run "$SCRIPTS/docker-dev.sh" setup --keep-data
is "$STATUS" 0 "setup --keep-data: $OUTPUT"
is "$(secret jwt_secret_key)" well-known-jwt_secret_key "keys of data stay"
is "$(secret admin_password)" well-known-admin_password "the administrator stays"
[[ $(secret postgres_ai_password) =~ ^[0-9a-f]{48}$ ]] || fail "passwords are new"
is "$(grep -c ' psql ' "$CALLS")" 5 "the five servers are told"
# On no command line.
if grep -qF "$(secret postgres_ai_password)" "$CALLS"; then fail "a password was on a command line"; fi

rm -rf "$AI1C_ROOT/docker/secrets/local"
printf 'POSTGRES_PASSWORD=with"quote\n' >"$AI1C_ROOT/.env"
rm "$ANSWERS/volumes"
run "$SCRIPTS/docker-dev.sh" setup
is "$STATUS" 64 "a password that files cannot carry"
