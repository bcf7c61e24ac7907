# shellcheck shell=bash
# A backup as one file: packing it, and every check that can be made of it without an engine. Sourced
# after common.sh and seal.sh.
#
# Inside is one folder named as the file, with
#   manifest         name and value on each line: format, versions, moments, fingerprints of keys
#   <database>.dump  of each database (pg_dump, custom format), <database>.roles.sql of its server
#   <database>.rows  of each table: name, rows, checksum of the contents
#   dump.rdb         of Redis
#   keys/            only in an encrypted one: what the data are encrypted with, the administrator's password
#   SHA256SUMS       of all these

# shellcheck disable=SC2034
readonly ARCHIVE_FORMAT=1

# Secrets that data depend on; a new machine needs the old ones.
# shellcheck disable=SC2034
KEYS_OF_DATA=(jwt_secret_key onec_encryption_key audit_signing_key admin_password)

# backup_key_file: the passphrase for encrypted backups.
backup_key_file() {
    if [[ -n ${BACKUP_KEY_FILE:-} ]]; then project_path "$BACKUP_KEY_FILE"; else printf '%s/backup_key\n' "$(secrets_dir)"; fi
}

# manifest_value FOLDER NAME
manifest_value() { awk -v name="$2" '$1 == name { sub(/^[^ ]+ /, ""); print; exit }' "$1/manifest"; }

# files_below FOLDER: what SHA256SUMS is to list.
files_below() { (cd "$1" && find . -type f ! -path ./SHA256SUMS -printf '%P\n' | LC_ALL=C sort); }

# pack FOLDER TARGET ENCRYPT(0|1): writes TARGET and TARGET.sha256, each in one step.
pack() {
    local folder=$1 target=$2 name
    name=$(basename "$folder")
    (cd "$folder" && sums=$(files_below . | xargs -d '\n' sha256sum) && printf '%s\n' "$sums" >SHA256SUMS)
    (
        umask 077
        # The dumps are compressed already; this is for the small files and Redis.
        tar -C "$(dirname "$folder")" --sort=name --owner=0 --group=0 --numeric-owner -cf - "$name" |
            gzip -1 >"$target.partial"
        if (($3)); then
            seal "$target.partial" "$(backup_key_file)" "$target.sealed"
            mv -f "$target.sealed" "$target.partial"
        fi
        sync "$target.partial"
        printf '%s  %s\n' "$(sha256sum <"$target.partial" | cut -c1-64)" "$(basename "$target")" >"$target.sha256"
    )
    mv "$target.partial" "$target"
}

refuse() { die "$EX_DATA" "Отказ: $1. Ничего не тронуто." "Refused: $2. Nothing was touched."; }

# unpack FILE FOLDER: checks the file from the outside in and unpacks it into an empty folder; prints
# the folder with the contents. Ends with a refusal otherwise.
unpack() {
    local file=$1 folder=$2 name inner listing
    [[ -s $file ]] || refuse "файл $file пуст или его нет" "the file $file is empty or absent"
    if [[ -e $file.sha256 ]]; then
        [[ $(sha256sum <"$file" | cut -c1-64) == "$(head -c 64 "$file.sha256")" ]] ||
            refuse "контрольная сумма не та, что в $file.sha256" "the checksum is not that of $file.sha256"
    else
        warn "рядом нет $file.sha256: проверяются суммы внутри" "there is no $file.sha256: the sums inside are checked"
    fi
    if is_sealed "$file"; then
        unseal "$file" "$(backup_key_file)" >"$folder/archive" ||
            refuse "файл повреждён или зашифрован другим ключом (ключ: $(backup_key_file))" \
                "the file is damaged or was encrypted with another key (key: $(backup_key_file))"
    else
        ln -s "$(realpath "$file")" "$folder/archive"
    fi
    gzip -t "$folder/archive" 2>/dev/null || refuse "архив повреждён или это не архив" "the archive is damaged or is none"
    listing=$(tar -tzf "$folder/archive" 2>/dev/null) || refuse "архив повреждён" "the archive is damaged"
    name=$(head -n 1 <<<"$listing")
    name=${name%%/*}
    # One folder, plain names, plain files: nothing can land elsewhere.
    if ! [[ $name =~ ^ai1c-[0-9]{8}T[0-9]{6}Z$ ]] || grep -qvE "^$name/([A-Za-z0-9._-]+/?){0,2}$" <<<"$listing" ||
        grep -q '\.\.' <<<"$listing" || [[ $(tar -tvzf "$folder/archive" | grep -cv '^[-d]') != 0 ]]; then
        refuse "это не резервная копия AI Assistants for 1C" "this is no backup of AI Assistants for 1C"
    fi
    tar -C "$folder" --no-same-owner --no-same-permissions -xzf "$folder/archive" ||
        refuse "архив не распаковывается" "the archive cannot be unpacked"
    rm -f "$folder/archive"
    inner=$folder/$name
    [[ -s $inner/manifest && -s $inner/SHA256SUMS ]] || refuse "в архиве нет описи" "the archive has no manifest"
    (cd "$inner" && sha256sum --quiet --strict -c SHA256SUMS >/dev/null 2>&1) ||
        refuse "содержимое не сходится с контрольными суммами" "the contents differ from their checksums"
    # Nothing beside what is summed, and nothing missing.
    diff <(cut -c67- "$inner/SHA256SUMS") \
        <(files_below "$inner") >/dev/null ||
        refuse "состав архива не сходится с описью" "the files are not those of the manifest"
    [[ $(manifest_value "$inner" format) == "$ARCHIVE_FORMAT" ]] ||
        refuse "формат копии $(manifest_value "$inner" format), а поддерживается $ARCHIVE_FORMAT" \
            "the format of the backup is $(manifest_value "$inner" format), supported is $ARCHIVE_FORMAT"
    printf '%s\n' "$inner"
}
