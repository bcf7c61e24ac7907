# shellcheck shell=bash
# Everything that can be known to be wrong before anything is touched. Sourced after state.sh.

# What runs during a deployment needs about as much as an image again, per service.
readonly NEEDED_DISK_MB=2048

# Collects what is wrong and tells all of it at once.
validate() {
    local -a wrong=()
    local name
    for name in DOCKER_REGISTRY IMAGE_TAG; do
        [[ -n ${!name:-} ]] || wrong+=("$(text "не задано: $name" "$name is not set")")
    done
    if [[ $(environment) != development ]]; then
        for name in JWT_ISSUER ADMIN_EMAIL SECRETS_DIR TLS_DIR; do
            [[ -n ${!name:-} ]] || wrong+=("$(text "не задано: $name" "$name is not set")")
        done
        check_secrets
        check_certificate
    fi
    if ((${#wrong[@]} == 0)); then
        check_compose
        check_images
    fi
    check_disk
    if ((${#wrong[@]})); then
        printf -- '- %s\n' "${wrong[@]}" >&2
        return 1
    fi
    say "Проверка пройдена: настройки, секреты, сертификат, образы, место." "Checked: settings, secrets, certificate, images, disk."
}

# The functions below add to `wrong` of validate.

check_secrets() {
    local folder file development
    folder=$(secrets_dir)
    development=$(repo_root)/docker/secrets/development
    if [[ $(realpath -m "$folder") == $(realpath -m "$development") ]]; then
        wrong+=("$(text "SECRETS_DIR указывает на общеизвестные секреты для разработки" "SECRETS_DIR is the folder of well-known development secrets")")
        return
    fi
    for file in "$development"/*; do
        file=${file##*/}
        if [[ ! -r $folder/$file ]]; then
            wrong+=("$(text "нет секрета $folder/$file" "the secret $folder/$file is missing")")
        elif [[ -s $folder/$file && $file =~ (password|key)$ && $file != *api_key && $file != onec_password ]] &&
            cmp -s "$folder/$file" "$development/$file"; then
            wrong+=("$(text "секрет $file общеизвестный" "the secret $file is the well-known one")")
        fi
    done
}

check_certificate() {
    local folder
    folder=$(tls_dir)
    if [[ ! -r $folder/tls.crt || ! -r $folder/tls.key ]]; then
        wrong+=("$(text "нет tls.crt и tls.key в $folder" "tls.crt and tls.key are not in $folder")")
    elif ! openssl x509 -in "$folder/tls.crt" -noout -checkend 86400 >/dev/null 2>&1; then
        wrong+=("$(text "сертификат $folder/tls.crt не читается или истекает в течение суток" "the certificate $folder/tls.crt cannot be read or expires within a day")")
    elif [[ $(openssl x509 -in "$folder/tls.crt" -noout -pubkey) != "$(openssl pkey -in "$folder/tls.key" -pubout 2>/dev/null)" ]]; then
        wrong+=("$(text "tls.key не от этого сертификата" "tls.key does not belong to the certificate")")
    fi
}

check_compose() {
    local told
    told=$(compose config --quiet 2>&1) || wrong+=("compose: $told")
}

check_images() {
    local service image
    for service in "${SERVICES[@]}"; do
        image=$(image_of "$service")
        docker image inspect "$image" >/dev/null 2>&1 ||
            wrong+=("$(text "нет образа $image" "there is no image $image")")
    done
}

check_disk() {
    local root free
    root=$(docker info --format '{{.DockerRootDir}}')
    # An engine on another machine does not show its disk here.
    [[ -d $root ]] || return 0
    free=$(df --output=avail --block-size=1M "$root" | tail -n 1)
    ((free >= NEEDED_DISK_MB)) ||
        wrong+=("$(text "мало места: $free МБ в $root, нужно $NEEDED_DISK_MB" "too little disk: $free MB at $root, $NEEDED_DISK_MB are needed")")
}

pull_images() {
    local service
    for service in "${SERVICES[@]}"; do
        docker image inspect "$(image_of "$service")" >/dev/null 2>&1 && continue
        say "Скачивается $(image_of "$service")" "Pulling $(image_of "$service")"
        # What is missing after this is told by the check, all at once.
        docker pull --quiet "$(image_of "$service")" >/dev/null || true
    done
}
