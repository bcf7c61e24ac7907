# shellcheck shell=bash
# docker-dev.sh setup: settings, secrets and a certificate of one's own.

help_setup() {
    say "setup [--keep-data] [--apply-passwords]
  Пишет .env (если его нет), делает секреты в docker/secrets/local и самоподписанный сертификат.
  Что уже есть, не меняется: команду можно повторять. Значения из .env (POSTGRES_PASSWORD, REDIS_PASSWORD,
  GRAFANA_PASSWORD, JWT_SECRET_KEY, 1C_PASSWORD, OPENAI_API_KEY, ANTHROPIC_API_KEY, ADMIN_PASSWORD,
  SETUP_TOKEN, SMTP_PASSWORD, OIDC_PROVIDER_CLIENT_SECRET, SUPABASE_KEY, ALERT_WEBHOOK_URL) становятся секретами, остальные придумываются.
  --keep-data        если данные уже есть: ключи и администратор остаются прежними, пароли баз меняются
  --apply-passwords  привести пароли в базах к секретам (после замены файлов вручную)" \
        "setup [--keep-data] [--apply-passwords]
  Writes .env (when there is none), makes secrets in docker/secrets/local and a self-signed certificate.
  What exists stays as it is: safe to repeat. Values of .env (POSTGRES_PASSWORD, REDIS_PASSWORD,
  GRAFANA_PASSWORD, JWT_SECRET_KEY, 1C_PASSWORD, OPENAI_API_KEY, ANTHROPIC_API_KEY, ADMIN_PASSWORD,
  SETUP_TOKEN, SMTP_PASSWORD, OIDC_PROVIDER_CLIENT_SECRET, SUPABASE_KEY, ALERT_WEBHOOK_URL) become secrets, the others are made up.
  --keep-data        where data exist: keys and the administrator stay, passwords of databases change
  --apply-passwords  gives the databases the passwords of the secrets (after changing files by hand)"
}

# data_volumes: volumes of this project that hold data already.
data_volumes() {
    docker volume ls --quiet --filter "label=com.docker.compose.project=$(project_name)" 2>/dev/null |
        grep -E '_(postgres_[a-z0-9]+|redis)$' || true
}

# apply_all_passwords: a container has the secrets that it was made with, and Compose does not make it
# anew when only the place of a secret has changed. So all go, and the data with the databases come back.
apply_all_passwords() {
    local server
    say "контейнеры убираются, данные остаются…" "containers are removed, data stay…"
    compose --progress quiet --profile '*' down
    for server in $(own_servers); do
        compose --progress quiet up -d --no-build --no-deps --wait "$server" >&2
        apply_passwords "$server"
        say "  $server: пароли приведены к секретам" "  $server: has the passwords of the secrets"
    done
    say "остальное запустит docker-dev.sh start" "docker-dev.sh start starts the rest"
}

# describe_source: what the images will say of their source. A version that somebody wrote down stays;
# one that begins with the former revision was written here.
describe_source() {
    local version=${VERSION:-}
    if [[ -n ${VCS_REF:-} && $version == "${VCS_REF:0:7}"* ]]; then version=; fi
    source_labels
    env_set BUILD_DATE "$BUILD_DATE"
    env_set VCS_REF "$VCS_REF"
    env_set VERSION "${version:-$VERSION}"
}

run_setup() {
    local keep=0 apply=0 file local_secrets relative=./docker/secrets/local from='' made volumes
    while (($#)); do
        case $1 in
            --keep-data) keep=1 ;;
            --apply-passwords) apply=1 ;;
            *) usage_error "setup: не понимаю $1" "setup: what is $1?" ;;
        esac
        shift
    done
    need openssl
    file=$(env_file)
    if [[ ! -e $file ]]; then
        (umask 077 && cp "$(repo_root)/.env.example" "$file")
        say "написан $file" "wrote $file"
    else
        say "$file уже есть, дополняется только пустое" "$file exists, only what is empty is filled in"
    fi
    load_env
    describe_source

    local_secrets=$(project_path "$relative")
    volumes=$(data_volumes)
    if [[ -n $volumes && ! -d $local_secrets && $(secrets_dir) != "$local_secrets" ]]; then
        say "У проекта $(project_name) уже есть данные:" "The project $(project_name) has data already:"
        printf '  %s\n' "${volumes//$'\n'/$'\n  '}"
        say "Их пароли — из $(secrets_dir); новые секреты к ним не подойдут сами по себе. Можно:
  docker-dev.sh setup --keep-data    данные остаются, пароли в базах меняются на новые
  docker-dev.sh clean && docker-dev.sh setup    всё заново" \
            "Their passwords are those of $(secrets_dir); new secrets do not fit by themselves. Either:
  docker-dev.sh setup --keep-data    the data stay, the databases get the new passwords
  docker-dev.sh clean && docker-dev.sh setup    all anew"
        if ((keep == 0)) && ! confirm "Оставить данные и сменить пароли?" "Keep the data and change the passwords?"; then
            say "Секреты не сделаны, работают прежние." "No secrets were made, the former ones are in use."
            finish_setup
            return
        fi
        from=$(secrets_dir)
        apply=1
    fi
    if [[ -n ${SECRETS_DIR:-} && $(secrets_dir) != "$local_secrets" && $(secrets_dir) != "$(project_path ./docker/secrets/development)" ]]; then
        relative=$SECRETS_DIR
        local_secrets=$(secrets_dir)
    fi
    made=$(make_secrets "$local_secrets" "$from")
    say "секреты: $local_secrets, новых $made" "secrets: $local_secrets, $made new"
    if [[ $(secrets_dir) != "$local_secrets" || -z ${SECRETS_DIR:-} ]]; then
        env_set SECRETS_DIR "$relative"
        export SECRETS_DIR=$relative
    fi
    if ((apply)); then apply_all_passwords; fi
    finish_setup
    say "Ключ резервных копий — $(backup_key_file): сохраните его и jwt_secret_key, onec_encryption_key, audit_signing_key вне этой машины." \
        "The key of backups is $(backup_key_file): keep it, jwt_secret_key, onec_encryption_key and audit_signing_key away from this machine, too."
}

finish_setup() {
    if make_certificate "$(tls_dir)"; then
        say "самоподписанный сертификат: $(tls_dir)/tls.crt" "self-signed certificate: $(tls_dir)/tls.crt"
    fi
    write_certificate_metrics
    say "Администратор: $(admin_email), пароль: $(admin_password)" "Administrator: $(admin_email), password: $(admin_password)"
    if [[ $(environment) != development && $(admin_email) == admin@demo.local ]]; then
        warn "задайте ADMIN_EMAIL в .env" "set ADMIN_EMAIL in .env"
    fi
}
