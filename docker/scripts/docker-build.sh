#!/usr/bin/env bash
# Builds the images of AI Assistants for 1C. `docker-build.sh --help` lists the commands.
set -euo pipefail

SCRIPTS=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
for part in common build scan; do
    # shellcheck source=/dev/null
    . "$SCRIPTS/lib/$part.sh"
done

overview() {
    say "docker-build.sh [КОМАНДА] [ключи]
  all                  все образы (по умолчанию); рабочее пространство собирается один раз
  service ИМЯ          один образ: ${IMAGES[*]}
  push                 отправить образы в DOCKER_REGISTRY
  summary              размеры против первоначального плана; больше ${IMAGE_LIMIT_MB} МБ — ошибка
  sbom [ПАПКА]         состав каждой программы (CycloneDX), по умолчанию в docker/state/sbom
  security-scan        trivy, cargo deny, checkov, shellcheck — что есть
  verify-reproducible  собрать наши крейты дважды и сравнить программы
  clean [--yes]        удалить наши образы и остатки сборок (спрашивает)

  --cache-from ССЫЛКА  взять слои из реестра     --cache-to ССЫЛКА  положить слои в реестр
  --platform СПИСОК    linux/amd64,linux/arm64; несколько платформ — только вместе с --push
  --push               отправить сразу           --no-cache
  Переменные: DOCKER_REGISTRY, IMAGE_TAG, RELEASE_VERSION, RUST_IMAGE, CARGO_CONFIG_FILE, BUILD_NETWORK" \
        "docker-build.sh [COMMAND] [options]
  all                  every image (the default); the workspace is compiled once
  service NAME         one image: ${IMAGES[*]}
  push                 pushes the images to DOCKER_REGISTRY
  summary              sizes against the original plan; more than ${IMAGE_LIMIT_MB} MB fails
  sbom [DIR]           bill of materials of every program (CycloneDX), into docker/state/sbom by default
  security-scan        trivy, cargo deny, checkov, shellcheck: those that are there
  verify-reproducible  compiles our crates twice and compares the programs
  clean [--yes]        removes our images and what builds left over (asks)

  --cache-from REF     takes layers from a registry   --cache-to REF  puts them there
  --platform LIST      linux/amd64,linux/arm64; several platforms need --push
  --push               pushes at once                 --no-cache
  Variables: DOCKER_REGISTRY, IMAGE_TAG, RELEASE_VERSION, RUST_IMAGE, CARGO_CONFIG_FILE, BUILD_NETWORK"
}

# build_images NAME...
build_images() {
    local name options=() output=(--load)
    source_labels
    if [[ $PLATFORM == *,* ]]; then
        ((PUSH)) || die "$EX_USAGE" \
            "Образ для нескольких платформ хранит только реестр: добавьте --push (и DOCKER_REGISTRY)." \
            "Only a registry keeps an image of several platforms: add --push (and DOCKER_REGISTRY)."
        [[ $(builder_driver) != docker ]] || die "$EX_UNAVAILABLE" \
            "Сборщик docker собирает одну платформу: docker buildx create --use --driver docker-container" \
            "The builder of the driver docker builds one platform: docker buildx create --use --driver docker-container"
    fi
    if ((PUSH)); then
        need_registry
        output=(--push)
    fi
    if [[ -n $PLATFORM ]]; then options+=(--platform "$PLATFORM"); fi
    if ((NO_CACHE)); then options+=(--no-cache); fi
    if [[ -n $CACHE_FROM ]]; then options+=(--cache-from "type=registry,ref=$CACHE_FROM"); fi
    if [[ -n $CACHE_TO ]]; then
        if [[ $(builder_driver) == docker ]]; then
            # The engine's own builder can only write the layers into the image that is pushed.
            options+=(--cache-to type=inline)
            warn "сборщик docker кладёт слои в сам образ, а не в $CACHE_TO" \
                "the builder of the driver docker puts the layers into the image itself, not into $CACHE_TO"
        else
            options+=(--cache-to "type=registry,ref=$CACHE_TO,mode=max")
        fi
    fi
    for name in "$@"; do
        say "== $(image_of "$name")  $VERSION"
        build_target "$(target_of "$name")" "$(repo_root)" --tag "$(image_of "$name")" "${options[@]}" "${output[@]}"
        # The first build without a cache fills it for the others.
        options=("${options[@]/--no-cache/}")
        mapfile -t options < <(printf '%s\n' "${options[@]}" | grep . || true)
    done
}

need_registry() {
    [[ -n ${DOCKER_REGISTRY:-} ]] || die "$EX_USAGE" "Назовите реестр: DOCKER_REGISTRY=registry.example.org/ai1c" \
        "Name the registry: DOCKER_REGISTRY=registry.example.org/ai1c"
}

push_images() {
    local name
    need_registry
    for name in "${IMAGES[@]}"; do
        size_of "$(image_of "$name")" >/dev/null ||
            die "$EX_UNAVAILABLE" "Нет образа $(image_of "$name"): docker-build.sh" "There is no image $(image_of "$name"): docker-build.sh"
    done
    for name in "${IMAGES[@]}"; do docker push "$(image_of "$name")"; done
}

write_sbom() {
    local folder=${1:-$(repo_root)/docker/state/sbom}
    source_labels
    mkdir -p "$folder"
    build_target sbom "$(repo_root)" --output "type=local,dest=$folder"
    ls -l "$folder"
}

verify_reproducible() {
    local work first second
    work=$(mktemp -d)
    # shellcheck disable=SC2064
    trap "rm -rf '$work'" EXIT
    mkdir "$work/1" "$work/2"
    context_copy "$work/1" 1
    context_copy "$work/2" 2
    source_labels
    first=$(binary_hashes "$work/1")
    second=$(binary_hashes "$work/2")
    printf '%s\n' "$first"
    if [[ $first == "$second" ]]; then
        say "две сборки дали одни и те же программы" "two builds made the same programs"
    else
        diff <(printf '%s\n' "$first") <(printf '%s\n' "$second") || true
        die 1 "сборки различаются" "the builds differ"
    fi
}

clean_images() {
    local name left
    confirm "Удалить образы $(image_of '*') и остатки наших сборок?" "Remove the images $(image_of '*') and what our builds left over?" ||
        die "$EX_REFUSED" "Отменено, ничего не тронуто." "Cancelled, nothing was touched."
    for name in "${IMAGES[@]}"; do
        if size_of "$(image_of "$name")" >/dev/null; then docker image rm "$(image_of "$name")"; fi
    done
    left=$(docker image ls --quiet --filter dangling=true --filter "label=org.opencontainers.image.vendor=AI Assistants for 1C")
    # shellcheck disable=SC2086
    if [[ -n $left ]]; then docker image rm $left; fi
    say "кэш сборки остаётся: docker builder prune" "the build cache stays: docker builder prune"
}

PLATFORM='' CACHE_FROM='' CACHE_TO='' PUSH=0 NO_CACHE=0
words=()
while (($#)); do
    case $1 in
        -h | --help | help) overview; exit ;;
        --platform | --cache-from | --cache-to)
            [[ -n ${2:-} ]] || usage_error "$1: нужно значение" "$1 needs a value"
            option=${1#--}
            option=${option^^}
            printf -v "${option//-/_}" '%s' "$2"
            shift
            ;;
        --platform=*) PLATFORM=${1#*=} ;;
        --cache-from=*) CACHE_FROM=${1#*=} ;;
        --cache-to=*) CACHE_TO=${1#*=} ;;
        --push) PUSH=1 ;;
        --no-cache) NO_CACHE=1 ;;
        --yes | -y) export AI1C_YES=1 ;;
        -*) usage_error "не понимаю $1" "what is $1?" ;;
        *) words+=("$1") ;;
    esac
    shift
done
load_env
command=${words[0]:-all}
case $command in
    all)
        need docker
        build_images "${IMAGES[@]}"
        if ((PUSH == 0)); then summary_table; fi
        ;;
    service)
        [[ -n ${words[1]:-} ]] || usage_error "service: назовите образ" "service: name an image"
        printf '%s\n' "${IMAGES[@]}" | grep -qxF -- "${words[1]}" ||
            usage_error "нет образа ${words[1]}; есть: ${IMAGES[*]}" "no image ${words[1]}; there are: ${IMAGES[*]}"
        need docker
        build_images "${words[1]}"
        ;;
    push) need docker; push_images ;;
    summary) need docker; summary_table ;;
    sbom) need docker; write_sbom "${words[1]:-}" ;;
    security-scan) security_scan ;;
    verify-reproducible) need docker git; verify_reproducible ;;
    clean) clean_images ;;
    *) usage_error "нет команды $command" "no command $command" ;;
esac
