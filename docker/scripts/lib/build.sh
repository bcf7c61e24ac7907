# shellcheck shell=bash
# Building the images. Sourced after common.sh.

# What is built: the image's name and the target of docker/services/Dockerfile.
IMAGES=(api-gateway ai-assistant 1c-integration user-management analytics security onec-demo)
target_of() { if [[ $1 == 1c-integration ]]; then echo onec-integration; else echo "$1"; fi; }

# Of each: the size in MB that the original plan had for it. Ours may have IMAGE_LIMIT_MB.
declare -A PLANNED_MB=(
    [api-gateway]=45 [ai-assistant]=120 [1c-integration]=110 [user-management]=95 [analytics]=130 [security]=105
)
IMAGE_LIMIT_MB=${IMAGE_LIMIT_MB:-20}

# source_labels: BUILD_DATE, VCS_REF and VERSION of the source that is built. The date is the commit's,
# not the day's: the same source makes the same image. A source without git keeps what .env says.
source_labels() {
    local root
    root=$(repo_root)
    if git -C "$root" rev-parse HEAD >/dev/null 2>&1; then
        VCS_REF=$(git -C "$root" rev-parse HEAD)
        BUILD_DATE=$(TZ=UTC git -C "$root" log -1 --date=format-local:%Y-%m-%dT%H:%M:%SZ --format=%cd)
        VERSION=${RELEASE_VERSION:-$(git -C "$root" describe --tags --always --dirty)}
    fi
    export BUILD_DATE=${BUILD_DATE:-} VCS_REF=${VCS_REF:-} VERSION=${VERSION:-dev}
}

builder_driver() { docker buildx inspect 2>/dev/null | awk '$1 == "Driver:" { print $2; exit }'; }

# build_target TARGET CONTEXT ARGUMENTS...: one build of one target. Layers are shared, so the workspace
# is compiled by the first target and only copied by the others.
build_target() {
    local target=$1 context=$2 options=()
    shift 2
    # A mirror of the crates for machines that do not reach the public one: a config.toml of cargo.
    if [[ -n ${CARGO_CONFIG_FILE:-} ]]; then options+=(--secret "id=cargo_config,src=$CARGO_CONFIG_FILE"); fi
    if [[ -n ${BUILD_NETWORK:-} ]]; then options+=(--network "$BUILD_NETWORK"); fi
    docker buildx build "$context" \
        --file "$context/docker/services/Dockerfile" --target "$target" \
        --build-arg "RUST_IMAGE=${RUST_IMAGE:-rust:1.95-slim-bookworm}" \
        --build-arg "BUILD_DATE=$BUILD_DATE" --build-arg "VCS_REF=$VCS_REF" --build-arg "VERSION=$VERSION" \
        "${options[@]}" "$@"
}

# size_of IMAGE: in bytes.
size_of() { docker image inspect --format '{{.Size}}' "$1" 2>/dev/null; }

# summary_table: false when an image is missing or larger than the limit.
summary_table() {
    local name image size sum=0 planned=0 failed=0 mark
    printf '  %-18s %10s %12s %8s\n' "$(text образ image)" "$(text МБ MB)" "$(text план plan)" "$(text доля ratio)"
    for name in "${IMAGES[@]}"; do
        image=$(image_of "$name")
        if ! size=$(size_of "$image"); then
            printf '  %-18s %10s\n' "$name" "$(text нет absent)"
            failed=1
            continue
        fi
        mark=
        if ((size > IMAGE_LIMIT_MB * 1000000)); then
            mark=" > $IMAGE_LIMIT_MB"
            failed=1
        fi
        if [[ -n ${PLANNED_MB[$name]:-} ]]; then
            sum=$((sum + size))
            planned=$((planned + PLANNED_MB[$name]))
        fi
        awk -v name="$name" -v size="$size" -v plan="${PLANNED_MB[$name]:-0}" -v mark="$mark" 'BEGIN {
            printf "  %-18s %10.1f %12s %8s%s\n", name, size / 1e6, plan ? plan : "-", plan ? sprintf("%.2f", size / 1e6 / plan) : "-", mark }'
    done
    awk -v name="$(text всего total)" -v size="$sum" -v plan="$planned" 'BEGIN {
        if (plan) printf "  %-18s %10.1f %12s %8.2f\n", name, size / 1e6, plan, size / 1e6 / plan }'
    return "$failed"
}

# context_copy FOLDER: what the build reads, into a folder; with a mark that makes our own crates, and
# nothing before them, be compiled anew.
context_copy() {
    local root
    root=$(repo_root)
    (cd "$root" && git ls-files -z --cached --others --exclude-standard -- \
        Cargo.toml Cargo.lock rust-toolchain.toml .cargo .sqlx .dockerignore crates migrations docker/services |
        tar --null -T - -cf -) | tar -C "$1" -xf -
    printf '%s\n' "$2" >"$1/crates/common/.rebuild"
}

# binary_hashes CONTEXT: the name and SHA-256 of the binary of every image. A build that fails ends it: two
# failures would be equal, too.
binary_hashes() {
    local name target binary hash
    for name in "${IMAGES[@]}"; do
        target=$(target_of "$name")
        binary=${target/api-gateway/gateway}
        hash=$(build_target "$target" "$1" --quiet --output type=tar,dest=- | tar -xOf - "$binary" | sha256sum | cut -c1-64)
        printf '%s %s\n' "$binary" "$hash"
    done
}
