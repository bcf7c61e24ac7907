# shellcheck shell=bash
# Looking for known weaknesses with the programs that this machine has. Sourced after common.sh and
# build.sh.

# security_scan: false when something was found, or when nothing could be looked at.
security_scan() {
    local root name image ran=() absent=() failed=()
    root=$(repo_root)
    if command -v trivy >/dev/null; then
        ran+=(trivy)
        for name in "${IMAGES[@]}"; do
            image=$(image_of "$name")
            trivy image --quiet --exit-code 1 --severity HIGH,CRITICAL --ignore-unfixed "$image" || failed+=("trivy:$name")
        done
        trivy config --quiet --exit-code 1 --severity HIGH,CRITICAL "$root/docker" || failed+=("trivy:config")
    else
        absent+=(trivy)
    fi
    if command -v cargo-deny >/dev/null; then
        ran+=("cargo deny")
        (cd "$root" && cargo deny --all-features check bans licenses sources) || failed+=("cargo deny")
        # The list of advisories is fetched; a machine without a way out cannot be told from a finding
        # by the exit code, so the fetch comes first.
        if (cd "$root" && cargo deny fetch db >/dev/null 2>&1); then
            (cd "$root" && cargo deny --all-features check --disable-fetch advisories) || failed+=("cargo deny advisories")
        else
            absent+=("advisories")
        fi
    else
        absent+=("cargo-deny")
    fi
    if command -v checkov >/dev/null; then
        ran+=(checkov)
        checkov --quiet --compact --directory "$root/docker" --framework dockerfile secrets || failed+=(checkov)
    else
        absent+=(checkov)
    fi
    if command -v shellcheck >/dev/null; then
        ran+=(shellcheck)
        shellcheck -x "$root"/docker/scripts/*.sh "$root"/docker/scripts/*/*.sh || failed+=(shellcheck)
    else
        absent+=(shellcheck)
    fi
    say "проверено: ${ran[*]:--}; нет программ или данных: ${absent[*]:--}; найдено: ${failed[*]:--}" \
        "ran: ${ran[*]:--}; programs or data missing: ${absent[*]:--}; findings: ${failed[*]:--}"
    ((${#ran[@]})) || die "$EX_UNAVAILABLE" "Проверять нечем." "There is nothing to scan with."
    ((${#failed[@]} == 0))
}
