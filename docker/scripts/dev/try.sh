# shellcheck shell=bash
# docker-dev.sh test, test-service, load-test, perf-test, security-test, security-scan.

help_test() {
    say "test [аргументы cargo test]
  Все тесты: cargo test --workspace (нужен Rust; серверы они запускают сами)." "test [arguments of cargo test]
  All tests: cargo test --workspace (needs Rust; they start the servers they need)."
}
run_test() {
    need cargo
    cd "$(repo_root)" || exit
    SQLX_OFFLINE=true exec cargo test --workspace "$@"
}

# crate_of SERVICE
crate_of() {
    case $1 in
        api-gateway) echo gateway ;;
        1c-integration) echo onec-integration ;;
        *) echo "$1" ;;
    esac
}

help_test_service() {
    say "test-service СЕРВИС [аргументы cargo test]
  Тесты одной службы." "test-service SERVICE [arguments of cargo test]
  Tests of one service."
}
run_test_service() {
    local crate
    [[ -n ${1:-} ]] || usage_error "test-service: назовите службу" "test-service: name a service"
    crate=$(crate_of "$1")
    [[ -d $(repo_root)/crates/$crate ]] || usage_error "нет службы $1" "no service $1"
    shift
    need cargo
    cd "$(repo_root)" || exit
    SQLX_OFFLINE=true exec cargo test -p "$crate" "$@"
}

# run_scenario NAME ARGUMENTS...
run_scenario() {
    local name=$1
    shift
    need docker curl jq openssl
    "$SCRIPTS/scenarios/$name.sh" "$@"
}
help_load_test() { "$SCRIPTS/scenarios/load.sh" --help; }
run_load_test() { run_scenario load "$@"; }
help_perf_test() { "$SCRIPTS/scenarios/perf.sh" --help; }
run_perf_test() { run_scenario perf "$@"; }
help_security_test() { "$SCRIPTS/scenarios/security.sh" --help; }
run_security_test() { run_scenario security "$@"; }

help_security_scan() {
    say "security-scan
  Образы (trivy), зависимости (cargo deny), настройки (checkov): чем есть; чего нет — говорит." "security-scan
  Images (trivy), dependencies (cargo deny), configuration (checkov): with what is there; says what is not."
}
run_security_scan() { "$SCRIPTS/docker-build.sh" security-scan "$@"; }
