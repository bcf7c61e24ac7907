#!/usr/bin/env bash
# Bringing a version into service: backup, migration, one service after the other with health gates,
# and back by itself when a gate fails.
set -euo pipefail
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
for part in common maintenance metrics secrets databases redis seal archive scratch backup api health; do
    # shellcheck source=/dev/null
    source "$here/lib/$part.sh"
done
for part in state validate replicas roll stack; do
    # shellcheck source=/dev/null
    source "$here/deploy/$part.sh"
done

overview() {
    text "Развёртывание версии: docker-deploy.sh КОМАНДА [ПАРАМЕТРЫ]

Команды:
  deploy      проверка, резервная копия, миграция баз (только расширяющая), замена служб по одной
              с проверкой здоровья; при неудаче всё само возвращается к прежней версии
  rollback    возврат к предыдущей версии; данные не теряются: базы остаются как есть
  status      что работает, какая версия, какая была до неё
  validate    только проверка: настройки, секреты, сертификат, образы, место
  backup      резервная копия
  stack       один файл для «docker stack deploy» (Docker Swarm) на стандартный вывод
  history     журнал развёртываний

Переменные: ENVIRONMENT (production или staging), DOCKER_REGISTRY, IMAGE_TAG и прочие из .env.
  DEPLOY_TIMEOUT (120) — сколько секунд новый экземпляр может запускаться
  DEPLOY_SOAK (5)      — сколько секунд смотреть на новый экземпляр после этого

Параметры deploy: --no-backup — без резервной копии; --no-pull — не скачивать образы.

Коды: 0 — сделано; 3 — не вышло, работает прежняя версия; 4 — не вышло и вернуть не удалось;
64 — неверный вызов; 78 — проверка не пройдена, ничего не тронуто.
" "Bringing a version into service: docker-deploy.sh COMMAND [OPTIONS]

Commands:
  deploy      check, back up, migrate the databases (expand only), replace the services one by one with
              health gates; when a gate fails everything returns to the previous version by itself
  rollback    back to the previous version; no data is lost: the databases stay as they are
  status      what runs, in which version, and which one was before
  validate    only check: settings, secrets, certificate, images, disk
  backup      take a backup
  stack       one file for 'docker stack deploy' (Docker Swarm), to standard output
  history     the log of deployments

Variables: ENVIRONMENT (production or staging), DOCKER_REGISTRY, IMAGE_TAG and the others of .env.
  DEPLOY_TIMEOUT (120)  seconds that a new replica may take to become healthy
  DEPLOY_SOAK (5)       seconds that it is watched after that

Options of deploy: --no-backup: without a backup; --no-pull: images are here already.

Exit codes: 0 done; 3 failed, the previous version runs; 4 failed, and so did the way back;
64 wrong call; 78 the check failed and nothing was touched.
"
}

deploy() {
    local take_backup=1 pull=1
    while (($#)); do
        case $1 in
            --no-backup) take_backup=0 ;;
            --no-pull) pull=0 ;;
            *) usage_error "Неизвестный параметр: $1" "Unknown option: $1" ;;
        esac
        shift
    done
    begin_maintenance
    ((pull == 0)) || pull_images
    validate || die "$EX_CONFIG" "Проверка не пройдена, ничего не тронуто." "The check failed; nothing was touched."
    if ! anything_runs; then
        first_deployment
        return
    fi
    local before
    before=$(running_version)
    say "Сейчас работает $before, разворачивается $(wanted_version)." "$before runs, deploying $(wanted_version)."
    if ((take_backup)); then
        backup_all "$(backup_dir)" || fail_untouched "резервная копия не удалась" "the backup failed"
    fi
    migrate_all || fail_untouched "миграция не удалась" "the migration failed"
    if roll_all; then
        record_deployment "$before" "$(wanted_version)"
        write_certificate_metrics || true
        say "Готово: работает $(wanted_version)." "Done: $(wanted_version) runs."
        return 0
    fi
    return_to "$before"
}

rollback() {
    (($# == 0)) || usage_error "У rollback нет параметров" "rollback takes no options"
    begin_maintenance
    local before previous
    previous=$(previous_version)
    [[ -n $previous ]] || die "$EX_USAGE" "Предыдущей версии нет: возвращаться не к чему." "There is no previous version to return to."
    before=$(running_version)
    say "Возврат: с $before на $previous." "Going back from $before to $previous."
    use_version "$previous"
    validate || die "$EX_CONFIG" "Проверка не пройдена, ничего не тронуто." "The check failed; nothing was touched."
    if roll_all; then
        record_deployment "$before" "$previous"
        say "Готово: работает $previous." "Done: $previous runs."
        return 0
    fi
    return_to "$before"
}

main() {
    local command=${1:-}
    (($#)) && shift
    case $command in
        -h | --help | help) overview; return ;;
        '') overview >&2; exit "$EX_USAGE" ;;
    esac
    if [[ ${1:-} == -h || ${1:-} == --help ]]; then overview; return; fi
    load_env
    export ENVIRONMENT=${ENVIRONMENT:-production}
    [[ $ENVIRONMENT == production || $ENVIRONMENT == staging || $ENVIRONMENT == development ]] ||
        usage_error "ENVIRONMENT должен быть production или staging" "ENVIRONMENT must be production or staging"
    export COMPOSE_PROFILES=${COMPOSE_PROFILES-databases}
    need docker flock curl openssl awk
    case $command in
        deploy) deploy "$@" ;;
        rollback) rollback "$@" ;;
        status) show_status ;;
        validate) validate ;;
        backup) backup_all "$(backup_dir)" ;;
        stack) write_stack ;;
        history) show_history ;;
        *) usage_error "Неизвестная команда: $command" "Unknown command: $command" ;;
    esac
}

main "$@"
