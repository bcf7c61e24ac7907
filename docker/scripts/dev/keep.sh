# shellcheck shell=bash
# shellcheck disable=SC2034
# docker-dev.sh backup, verify, restore.

help_backup() {
    say "backup [--encrypt] [--dir ПАПКА] [--verify]
  Одна копия всего: пять баз и Redis, ai1c-ДАТА.tar.gz (с --encrypt — .enc) и .sha256 рядом. Копии старше
  BACKUP_RETENTION_DAYS (30) дней удаляются. --verify восстанавливает её для проверки в отдельных
  контейнерах и сравнивает каждую таблицу. Подробно: docs/backup.md." \
        "backup [--encrypt] [--dir DIR] [--verify]
  One backup of everything: five databases and Redis, ai1c-DATE.tar.gz (.enc with --encrypt) and .sha256
  beside. Backups older than BACKUP_RETENTION_DAYS (30) are deleted. --verify restores it for a test in
  containers of its own and compares every table. More: docs/backup.md."
}
run_backup() {
    local directory encrypt=${BACKUP_ENCRYPT:-0} verify=0
    directory=$(backup_dir)
    while (($#)); do
        case $1 in
            --encrypt) encrypt=1 ;;
            --verify) verify=1 ;;
            --dir)
                [[ -n ${2:-} ]] || usage_error "--dir: назовите папку" "--dir: name a folder"
                directory=$(realpath -m "$2")
                shift
                ;;
            *) usage_error "backup: не понимаю $1" "backup: what is $1?" ;;
        esac
        shift
    done
    need docker openssl flock
    backup_all "$directory" "$encrypt" || die 1 "Копия не сделана." "No backup was made."
    if ((verify)); then run_verify "$BACKUP_FILE"; fi
}

help_verify() {
    say "verify [ФАЙЛ]
  Проверяет копию (по умолчанию последнюю): суммы, шифр, состав — и настоящее восстановление в отдельных
  контейнерах без сети, со сравнением каждой таблицы с описью." "verify [FILE]
  Checks a backup (the newest by default): sums, cipher, contents, and a real restore in containers of
  their own without a network, comparing every table with the manifest."
}
run_verify() {
    local file=${1:-} folder
    if [[ -z $file ]]; then file=$(newest_backup "$(backup_dir)"); fi
    [[ -n $file ]] || die "$EX_DATA" "Копий нет." "There are no backups."
    mkdir -p "$(state_dir)"
    VERIFY_WORK=$(mktemp -d "$(state_dir)/verify.XXXXXX")
    trap 'rm -rf "${VERIFY_WORK:-}"' EXIT
    folder=$(unpack "$file" "$VERIFY_WORK")
    say "проверяется $(basename "$file")" "verifying $(basename "$file")"
    verify_backup "$folder" || die "$EX_DATA" "Копия НЕ восстанавливается." "The backup does NOT restore."
    write_backup_metrics "$(success=$(read_metric ai1c_backup ai1c_backup_last_run_success); echo "${success:-0}")" '' "$(date +%s)"
    say "копия восстанавливается и сходится с описью" "the backup restores and agrees with its manifest"
}

help_restore() {
    say "restore ФАЙЛ [--yes] [--no-safety] [--restore-keys] [--database БАЗА]
  Возвращает копию ai1c-ДАТА.tar.gz[.enc]; повреждённый, чужой или зашифрованный другим ключом файл не
  принимается. Сначала спрашивает и делает страховочную копию (--no-safety — без неё). Если что-то не
  удалось, прежние данные остаются. --restore-keys — взять из зашифрованной копии и ключи, под которыми
  лежат данные (на новой машине). Файл .sql или .sql.gz (pg_dump одной базы) — с --database." \
        "restore FILE [--yes] [--no-safety] [--restore-keys] [--database DATABASE]
  Brings back ai1c-DATE.tar.gz[.enc]; a damaged file, a foreign one, or one encrypted with another key is
  refused. Asks first and takes a safety backup (--no-safety: without). When something fails the former
  data stay. --restore-keys: from an encrypted backup also the keys that the data are encrypted with (on a
  new machine). A file .sql or .sql.gz (pg_dump of one database) needs --database."
}
run_restore() {
    local file=
    while (($#)); do
        case $1 in
            --yes | -y) AI1C_YES=1 ;;
            --no-safety) RESTORE_SAFETY=0 ;;
            --restore-keys) RESTORE_KEYS=1 ;;
            --database)
                RESTORE_DATABASE=${2:-}
                shift
                ;;
            -*) usage_error "restore: не понимаю $1" "restore: what is $1?" ;;
            *) file=$1 ;;
        esac
        shift
    done
    [[ -n $file ]] || usage_error "restore: назовите файл" "restore: name a file"
    need docker openssl
    restore_file "$file"
}
