#!/usr/bin/env bash
# AI Assistants for 1C on one machine: everything from the first start to the restore of a backup.
# `docker-dev.sh --help` lists the commands, `docker-dev.sh COMMAND --help` tells of one.
set -euo pipefail

SCRIPTS=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
for part in common metrics databases redis secrets api demo health seal archive scratch backup restore build maintenance; do
    # shellcheck source=/dev/null
    . "$SCRIPTS/lib/$part.sh"
done
for part in setup run look inside keep try; do
    # shellcheck source=/dev/null
    . "$SCRIPTS/dev/$part.sh"
done

COMMANDS=(setup start stop restart health resources network check-deps logs shell database redis
    test test-service load-test perf-test security-test security-scan
    backup verify restore optimize architecture monitor clean)

overview() {
    say "docker-dev.sh КОМАНДА [аргументы]    КОМАНДА --help — подробно
  Первый запуск:  setup → правка .env → start → health → monitor

  setup                    .env, секреты, сертификат
  check-deps               всё ли есть для работы
  start | stop | restart [СЕРВИС]
  health                   что работает
  resources | network | architecture
  logs [СЕРВИС]            журналы
  shell СЕРВИС             оболочка рядом со службой
  database [БАЗА] | redis  psql, redis-cli
  test | test-service СЕРВИС
  load-test | perf-test | security-test | security-scan
  backup [--encrypt] [--verify] | verify [ФАЙЛ] | restore ФАЙЛ
  optimize                 VACUUM, отчёт о размерах, советы
  monitor                  Prometheus, Grafana и прочее
  clean                    удалить контейнеры и данные (спрашивает)

  Службы: ${SERVICES[*]}
  Язык: AI1C_LANG=ru|en. Вторая система рядом: COMPOSE_PROJECT_NAME и BIND_ADDRESS." \
        "docker-dev.sh COMMAND [arguments]    COMMAND --help tells more
  First start:  setup → edit .env → start → health → monitor

  setup                    .env, secrets, certificate
  check-deps               whether all that is needed is there
  start | stop | restart [SERVICE]
  health                   what works
  resources | network | architecture
  logs [SERVICE]           logs
  shell SERVICE            a shell beside a service
  database [DATABASE] | redis
  test | test-service SERVICE
  load-test | perf-test | security-test | security-scan
  backup [--encrypt] [--verify] | verify [FILE] | restore FILE
  optimize                 VACUUM, report of sizes, advice
  monitor                  Prometheus, Grafana and the rest
  clean                    removes containers and data (asks)

  Services: ${SERVICES[*]}
  Language: AI1C_LANG=ru|en. A second system beside: COMPOSE_PROJECT_NAME and BIND_ADDRESS."
}

# check_services NAME...: a mistyped name is told at once, with those that exist.
check_services() {
    local name known
    (($#)) || return 0
    known=$(compose --profile '*' config --services)
    for name in "$@"; do
        grep -qxF -- "$name" <<<"$known" ||
            usage_error "нет службы $name; есть: ${known//$'\n'/ }" "no service $name; there are: ${known//$'\n'/ }"
    done
}

command=${1:-}
case $command in
    '' | help | -h | --help)
        overview
        if [[ -z $command ]]; then exit "$EX_USAGE"; fi
        exit
        ;;
esac
shift
if ! printf '%s\n' "${COMMANDS[@]}" | grep -qxF -- "$command"; then
    usage_error "нет команды $command" "no command $command"
fi
for argument in "$@"; do
    # After `--`, and in what goes to another program, --help is not ours.
    case $argument in
        --) break ;;
        -h | --help)
            "help_${command//-/_}"
            exit
            ;;
    esac
done
if [[ $command != setup ]]; then load_env; fi
"run_${command//-/_}" "$@"
