#!/usr/bin/env bash
# Checks what can be checked without running anything: scripts, YAML, Dockerfile, Compose files,
# workflows, the configuration of the log shipping, and these checks themselves on planted faults.
#
#   static.sh            everything; goes on after a failure and sums up
#   static.sh STEP...    some of: tests shell yaml dockerfile compose workflows checkov logs
#
# CHECKS_VENV: where the Python programs are installed (target/checks-venv). Needs Python 3.11,
# docker compose, jq and shellcheck.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cd "$here/../.."
all=(tests shell yaml dockerfile compose workflows checkov logs)

if [ "${1:-}" = --help ]; then
    sed -n '2,9s/^# \{0,1\}//p' "$here/static.sh"
    exit 0
fi
steps=("$@")
[ ${#steps[@]} -gt 0 ] || steps=("${all[@]}")

venv=${CHECKS_VENV:-target/checks-venv}
requirements=docker/checks/requirements-static.txt
# Installed once for a list of requirements.
if ! cmp -s "$requirements" "$venv/requirements-static.txt"; then
    echo "==> programs of $requirements into $venv"
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check --requirement "$requirements"
    cp "$requirements" "$venv/requirements-static.txt"
fi
bin=$(cd "$venv/bin" && pwd)

# tracked PATTERN...: files of the repository, new ones included.
tracked() {
    git ls-files --cached --others --exclude-standard -- "$@"
}

step_tests() {
    CHECKS_BIN=$bin "$bin/python" -m unittest discover --start-directory docker/checks/tests --top-level-directory docker/checks
}

step_shell() {
    local files
    mapfile -t files < <(tracked '*.sh' '.ci/run')
    [ ${#files[@]} -gt 0 ]
    # -x: sourced files are read too.
    shellcheck -x "${files[@]}"
    echo "shellcheck: ${#files[@]} files"
}

step_yaml() {
    local files
    mapfile -t files < <(tracked '*.yml' '*.yaml')
    [ ${#files[@]} -gt 0 ]
    "$bin/yamllint" --strict "${files[@]}"
    echo "yamllint: ${#files[@]} files"
}

step_dockerfile() {
    local files
    mapfile -t files < <(tracked '*Dockerfile*')
    [ ${#files[@]} -gt 0 ]
    # DL3008: versions of Debian's packages are pinned by the release of the base image; a version in
    # the file would break the build with the next security update.
    # DL4006: it does not see the shell of the stage that a stage is built on; dockerfile_rules.py does.
    # SC1007: `RUSTFLAGS= cargo …` empties the variable for one command, as it is meant to.
    "$bin/hadolint" --ignore DL3008 --ignore DL4006 --ignore SC1007 "${files[@]}"
    "$bin/python" docker/checks/dockerfile_rules.py "${files[@]}"
}

step_compose() {
    "$bin/python" docker/checks/compose_rules.py
}

step_workflows() {
    "$bin/check-jsonschema" --builtin-schema vendor.github-workflows .github/workflows/*.yml
    # Offline: whether a pinned commit is that of its tag would be asked of GitHub.
    "$bin/zizmor" --offline --no-progress --min-severity medium .github/workflows
}

step_checkov() {
    "$bin/checkov" --config-file .checkov.yml --directory .
}

step_logs() {
    "$bin/python" docker/checks/elk_static.py
    jq -e . docker/monitoring/elk/elasticsearch/*.json docker/monitoring/elk/kibana/*.ndjson >/dev/null
}

failed=()
for step in "${steps[@]}"; do
    if ! declare -F "step_$step" >/dev/null; then
        echo "static.sh: there is no step $step; there are: ${all[*]}" >&2
        exit 2
    fi
    echo "==> $step"
    # In a shell of its own, since `set -e` does not hold within a condition.
    set +e
    (
        set -e
        "step_$step"
    )
    status=$?
    set -e
    if [ "$status" != 0 ]; then
        failed+=("$step")
    fi
done
if [ ${#failed[@]} -gt 0 ]; then
    echo "static.sh: failed: ${failed[*]}" >&2
    exit 1
fi
echo "static.sh: ${steps[*]}: no fault"
