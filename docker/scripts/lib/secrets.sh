# shellcheck shell=bash
# Secrets as files of one folder, and the TLS pair. Sourced after common.sh and metrics.sh.

# random_secret: 48 hexadecimal digits (192 bits): no character that a URL, a YAML file or a shell reads
# otherwise.
random_secret() { openssl rand -hex 24; }

# random_password: for a person to type: five groups of five (116 bits), no look-alikes, and of each
# kind of character that a password policy may ask for.
random_password() {
    local letters
    letters=$(LC_ALL=C tr -dc 'a-km-np-z2-9' < <(openssl rand 512) | head -c 25)
    printf '%s-%s-%s-%s-%s\n' "${letters:0:5}" "${letters:5:5}" "${letters:10:5}" "${letters:15:5}" "${letters:20:5}"
}

# put_secret FOLDER NAME VALUE: true when it was written; a file that exists is never touched. Readable
# by all, since containers read it as users of their own; the folder itself is closed.
put_secret() {
    local file=$1/$2
    [[ ! -e $file ]] || return 1
    (umask 077 && printf '%s\n' "$3" >"$file.new")
    chmod 0644 "$file.new"
    # A hard link fails when the name was taken meanwhile, a rename would replace it.
    ln "$file.new" "$file"
    rm -f "$file.new"
}

# given NAME: the value of a setting when there is one; ends when no file format here could carry it.
given() {
    local value=${!1:-}
    if [[ $value == *[\"\'\\[:space:][:cntrl:]]* ]]; then
        die "$EX_USAGE" "$1: кавычки, обратная черта и пробелы в секрете не поддерживаются" \
            "$1: quotes, backslashes and spaces are not supported in a secret"
    fi
    if [[ -n $value && ${#value} -lt 16 && $(environment) != development ]]; then
        warn "$1 короче 16 знаков: $(environment) может отказаться от такого секрета" \
            "$1 has fewer than 16 characters: $(environment) may refuse it"
    fi
    printf '%s' "$value"
}

# make_secrets FOLDER [FROM]: every secret that is missing; prints how many were made. The keys under
# which data are already stored, and the administrator who is already there, come from FROM.
make_secrets() {
    local folder=$1 from=${2:-} name value made=0
    local -A secret=()
    mkdir -p "$folder"
    chmod 0700 "$folder"
    for name in admin ai 1c user analytics security; do
        secret[postgres_${name}_password]=$(given POSTGRES_PASSWORD)
    done
    secret[postgres_monitoring_password]=
    secret[redis_password]=$(given REDIS_PASSWORD)
    secret[jwt_secret_key]=$(given JWT_SECRET_KEY)
    secret[onec_encryption_key]=$(given ONEC_ENCRYPTION_KEY)
    secret[audit_signing_key]=$(given AUDIT_SIGNING_KEY)
    secret[reports_encryption_key]=$(given REPORTS_ENCRYPTION_KEY)
    secret[grafana_password]=$(given GRAFANA_PASSWORD)
    secret[elastic_password]=$(given ELASTIC_PASSWORD)
    secret[kibana_password]=
    secret[filebeat_password]=
    secret[backup_key]=$(given BACKUP_KEY)
    for name in "${!secret[@]}"; do
        value=${secret[$name]:-$(random_secret)}
        case $name in
            jwt_secret_key | onec_encryption_key | audit_signing_key | reports_encryption_key)
                if [[ -n $from && -s $from/$name ]]; then value=$(cat "$from/$name"); fi
                ;;
        esac
        if put_secret "$folder" "$name" "$value"; then made=$((made + 1)); fi
    done
    value=$(given ADMIN_PASSWORD)
    if [[ -n $from && -s $from/admin_password ]]; then value=$(cat "$from/admin_password"); fi
    if put_secret "$folder" admin_password "${value:-$(random_password)}"; then made=$((made + 1)); fi
    # The demo 1C server has one user with one well-known password.
    value=$(given ONEC_PASSWORD)
    if [[ -z $value && -z ${ONEC_SERVER_URL:-} ]]; then value=odata-demo; fi
    if put_secret "$folder" onec_password "$value"; then made=$((made + 1)); fi
    # Those that only somebody else can give; empty means absent.
    for name in OPENAI_API_KEY ANTHROPIC_API_KEY SETUP_TOKEN SMTP_PASSWORD OIDC_PROVIDER_CLIENT_SECRET SUPABASE_KEY; do
        value=$(given "$name")
        if put_secret "$folder" "${name,,}" "$value"; then made=$((made + 1)); fi
    done
    # Alertmanager insists on an address; nothing listens on this one.
    value=$(given ALERT_WEBHOOK_URL)
    if put_secret "$folder" alert_webhook_url "${value:-http://127.0.0.1:9/}"; then made=$((made + 1)); fi
    value=$(given ALERT_WATCHDOG_URL)
    if put_secret "$folder" alert_watchdog_url "${value:-http://127.0.0.1:9/}"; then made=$((made + 1)); fi
    # What exporters read in formats of their own.
    value=$(printf 'auth_modules:\n  monitoring:\n    type: userpass\n    userpass: { username: monitoring, password: "%s" }\n    options: { sslmode: disable }' \
        "$(cat "$folder/postgres_monitoring_password")")
    if put_secret "$folder" postgres_exporter "$value"; then made=$((made + 1)); fi
    value=$(printf '{"redis://redis:6379": "%s"}' "$(cat "$folder/redis_password")")
    if put_secret "$folder" redis_exporter "$value"; then made=$((made + 1)); fi
    printf '%s\n' "$made"
}

# make_certificate FOLDER: a self-signed TLS pair when there is none; true when it was made.
make_certificate() {
    local folder=$1 names name
    if [[ -s $folder/tls.crt && -s $folder/tls.key ]]; then return 1; fi
    if [[ -e $folder/tls.crt || -e $folder/tls.key ]]; then
        die "$EX_DATA" "В $folder только половина пары tls.crt и tls.key" \
            "$folder has only half of the pair tls.crt and tls.key"
    fi
    mkdir -p "$folder"
    name=${SERVER_NAME:-localhost}
    names="DNS:localhost,IP:127.0.0.1"
    if [[ $name != localhost ]]; then names="DNS:$name,$names"; fi
    if [[ $(bind_address) =~ ^[0-9.]+$ && $(bind_address) != 127.0.0.1 && $(bind_address) != 0.0.0.0 ]]; then
        names+=",IP:$(bind_address)"
    fi
    (
        umask 077
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 825 \
            -subj "/CN=$name" -addext "subjectAltName=$names" \
            -addext "basicConstraints=critical,CA:FALSE" -addext "extendedKeyUsage=serverAuth" \
            -keyout "$folder/.tls.key.new" -out "$folder/.tls.crt.new" 2>/dev/null
    )
    # nginx runs as a user of its own (101) and must read the key. Only root can give it that one reader.
    chmod 0644 "$folder/.tls.crt.new"
    if ((EUID == 0)); then chown 101:101 "$folder/.tls.key.new"; else chmod 0644 "$folder/.tls.key.new"; fi
    mv "$folder/.tls.key.new" "$folder/tls.key"
    mv "$folder/.tls.crt.new" "$folder/tls.crt"
}

# certificate_expiry FILE: seconds since 1970.
certificate_expiry() { date -d "$(openssl x509 -noout -enddate -in "$1" | cut -d= -f2)" +%s; }

# write_certificate_metrics: when the certificate ends, for the alert.
write_certificate_metrics() {
    local file
    file=$(tls_dir)/tls.crt
    [[ -s $file ]] || return 0
    {
        echo '# HELP ai1c_certificate_expiry_timestamp_seconds When the TLS certificate ends.'
        echo '# TYPE ai1c_certificate_expiry_timestamp_seconds gauge'
        printf 'ai1c_certificate_expiry_timestamp_seconds{file="tls.crt"} %s\n' "$(certificate_expiry "$file")"
    } | write_metrics ai1c_certificate
}

# fingerprint NAME: tells whether two folders have the same key without telling the key (32 bits of a
# keyed hash).
fingerprint() {
    local file
    file=$(secrets_dir)/$1
    if [[ -s $file ]]; then { printf 'ai1c fingerprint of %s\n' "$1"; cat "$file"; } | sha256sum | cut -c1-8; fi
}
