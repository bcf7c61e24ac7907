#!/usr/bin/env bash
# Deletes what is kept long enough: logs of these scripts, backups beyond retention, images that our own
# builds left without a name. Logs of containers are rotated by the engine (10 MB × 3).
set -euo pipefail

SCRIPTS=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
for part in common metrics databases redis secrets seal archive backup maintenance; do
    # shellcheck source=/dev/null
    . "$SCRIPTS/lib/$part.sh"
done

help() {
    say "clean-logs.sh [--dry-run]
  Удаляет: журналы *.log в docker/state старше LOG_RETENTION_DAYS (14) дней; резервные копии старше
  BACKUP_RETENTION_DAYS (30) дней, кроме последней; образы без имени, оставшиеся от наших сборок.
  --dry-run — только показать." \
        "clean-logs.sh [--dry-run]
  Deletes: logs *.log in docker/state older than LOG_RETENTION_DAYS (14); backups older than
  BACKUP_RETENTION_DAYS (30) but the newest; images without a name that our builds left over.
  --dry-run: only shows."
}

dry=0
while (($#)); do
    case $1 in
        -h | --help) help; exit ;;
        --dry-run) dry=1 ;;
        *) usage_error "не понимаю $1" "what is $1?" ;;
    esac
    shift
done
load_env

days=${LOG_RETENTION_DAYS:-14}
[[ $days =~ ^[1-9][0-9]*$ ]] || usage_error "LOG_RETENTION_DAYS: нужно число" "LOG_RETENTION_DAYS needs a number"
if [[ -d $(state_dir) ]]; then
    while IFS= read -r -d '' file; do
        say "журнал $file" "log $file"
        ((dry)) || rm -f -- "$file"
    done < <(find "$(state_dir)" -type f \( -name '*.log' -o -name '*.log.*' \) -mtime "+$((days - 1))" -print0)
fi
# Decrypted data of a restore or a check that was killed.
if [[ -d $(state_dir) ]] && ((dry == 0)); then
    find "$(state_dir)" -maxdepth 1 -type d \( -name 'verify.*' -o -name 'restore.*' \) -mmin +1440 -exec rm -rf {} +
fi
if [[ -d $(backup_dir) ]]; then
    if ((dry)); then
        find "$(backup_dir)" -maxdepth 1 -type f -name 'ai1c-*.tar.gz*' -mtime "+$((${BACKUP_RETENTION_DAYS:-30} - 1))" \
            ! -path "$(newest_backup "$(backup_dir)")*"
    else
        forget_old_backups "$(backup_dir)"
    fi
fi
if command -v docker >/dev/null && docker info >/dev/null 2>&1; then
    mapfile -t images < <(docker image ls --quiet --no-trunc --filter dangling=true \
        --filter "label=org.opencontainers.image.vendor=AI Assistants for 1C" | sort -u)
    for image in "${images[@]}"; do
        say "образ $image" "image $image"
        # One that a container still uses stays.
        ((dry)) || docker image rm "$image" >/dev/null 2>&1 || true
    done
fi
