#!/usr/bin/env bash
# A damaged, foreign or wrongly encrypted backup is refused before the engine is asked for anything.
# shellcheck source=/dev/null
. "$(dirname -- "${BASH_SOURCE[0]}")/assert.sh"
for part in common secrets seal archive; do
    # shellcheck source=/dev/null
    . "$SCRIPTS/lib/$part.sh"
done
export BACKUP_KEY_FILE=$WORK/key
echo 'a passphrase for the tests' >"$BACKUP_KEY_FILE"

# RFC 4231, test case 1 with the key padded by zeros, which HMAC does by itself.
is "$(printf 'Hi There' | hmac_sha256 0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b)" \
    b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7 "HMAC-SHA256"

name=ai1c-20260102T030405Z
make() { # make TARGET ENCRYPT
    rm -rf "${WORK:?}/$name"
    mkdir "$WORK/$name"
    printf 'format 1\nname %s\n' "$name" >"$WORK/$name/manifest"
    head -c 20000 /dev/urandom >"$WORK/$name/ai.dump"
    pack "$WORK/$name" "$1" "$2"
}
refused() { # refused NAME FILE
    : >"$CALLS"
    run "$SCRIPTS/docker-dev.sh" restore "$2" --yes
    is "$STATUS" 65 "$1 is refused ($OUTPUT)"
    has "$OUTPUT" "Nothing was touched" "$1"
    engine_untouched "$1"
    if compgen -G "$AI1C_ROOT/docker/state/restore.*" >/dev/null; then fail "$1: a folder was left behind"; fi
}
flip() { # flip FILE OFFSET
    local byte
    byte=$(od -An -tu1 -j "$2" -N 1 "$1" | tr -d ' ')
    printf '%b' "\\x$(printf '%02x' $((byte ^ 1)))" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}

for encrypt in 0 1; do
    file=$WORK/backup.tar.gz
    if ((encrypt)); then file+=.enc; fi
    make "$file" "$encrypt"
    mkdir "$WORK/out"
    folder=$(unpack "$file" "$WORK/out")
    cmp "$folder/ai.dump" "$WORK/$name/ai.dump" || fail "what comes out is not what went in"
    rm -rf "$WORK/out"
    is "$(stat -c %a "$file")" 600 "only its owner reads a backup"
    sum=$(sha256sum <"$file")
    (cd "$WORK" && sha256sum --quiet -c "$file.sha256") || fail "the .sha256 beside"

    cp "$file" "$WORK/damaged.tar.gz"
    cp "$file.sha256" "$WORK/damaged.tar.gz.sha256"
    flip "$WORK/damaged.tar.gz" 9000
    refused "a flipped bit" "$WORK/damaged.tar.gz"
    rm "$WORK/damaged.tar.gz.sha256"
    refused "a flipped bit without a sum beside" "$WORK/damaged.tar.gz"
    head -c 9000 "$file" >"$WORK/damaged.tar.gz"
    refused "a truncated file" "$WORK/damaged.tar.gz"
    : >"$WORK/damaged.tar.gz"
    refused "an empty file" "$WORK/damaged.tar.gz"
    is "$(sha256sum <"$file")" "$sum" "the file itself stays"
done

echo 'another passphrase altogether' >"$WORK/key2"
: >"$CALLS"
BACKUP_KEY_FILE=$WORK/key2 refused "another key" "$WORK/backup.tar.gz.enc"
BACKUP_KEY_FILE=$WORK/none refused "no key" "$WORK/backup.tar.gz.enc"
# Each part of a sealed file is covered: the head, the salt of the cipher, the last byte of the contents, the sum.
size=$(stat -c %s "$WORK/backup.tar.gz.enc")
for offset in 3 20 40 $((size - 65)) $((size - 1)); do
    cp "$WORK/backup.tar.gz.enc" "$WORK/flipped.enc"
    flip "$WORK/flipped.enc" "$offset"
    refused "a flipped bit at $offset of $size" "$WORK/flipped.enc"
done

refused "no file" "$WORK/absent.tar.gz"
head -c 3000 /dev/urandom >"$WORK/noise.tar.gz"
refused "noise" "$WORK/noise.tar.gz"
mkdir "$WORK/other" && echo hello >"$WORK/other/file"
tar -C "$WORK" -czf "$WORK/foreign.tar.gz" other
refused "an archive of something else" "$WORK/foreign.tar.gz"

build() { tar -C "$WORK" -czf "$WORK/bad.tar.gz" "$@"; rm -f "$WORK/bad.tar.gz.sha256"; }
make "$WORK/again.tar.gz" 0
echo extra >"$WORK/$name/extra.dump"
build "$name"
refused "a file that the sums do not know" "$WORK/bad.tar.gz"
rm "$WORK/$name/extra.dump"
echo changed >"$WORK/$name/ai.dump"
build "$name"
refused "changed contents" "$WORK/bad.tar.gz"
ln -s /etc/passwd "$WORK/$name/link"
build "$name"
refused "a symbolic link" "$WORK/bad.tar.gz"
rm "$WORK/$name/link"
tar -C "$WORK" --transform "s|^$name/manifest|$name/../../escaped|" -P -czf "$WORK/bad.tar.gz" "$name"
refused "a path that leads out" "$WORK/bad.tar.gz"
[[ ! -e $WORK/escaped ]] || fail "a file got out"
make "$WORK/again.tar.gz" 0
sed -i 's/format 1/format 9/' "$WORK/$name/manifest"
pack "$WORK/$name" "$WORK/future.tar.gz" 0
refused "a format of the future" "$WORK/future.tar.gz"

# Keys that are not those of the data.
mkdir -p "$AI1C_ROOT/docker/secrets/development"
echo 'the key of this machine' >"$AI1C_ROOT/docker/secrets/development/jwt_secret_key"
make "$WORK/again.tar.gz" 0
echo "fingerprint_jwt_secret_key 00000000" >>"$WORK/$name/manifest"
pack "$WORK/$name" "$WORK/otherkey.tar.gz" 0
refused "data under another key" "$WORK/otherkey.tar.gz"

# Without a yes nothing happens.
: >"$CALLS"
make "$WORK/good.tar.gz" 0
run "$SCRIPTS/docker-dev.sh" restore "$WORK/good.tar.gz"
is "$STATUS" 77 "no answer is a no"
engine_untouched "no answer"

# Plain dumps of one database.
export BACKUP_KEY_FILE=$WORK/key
printf -- '--\n-- PostgreSQL database dump\n--\nselect 1;\n' >"$WORK/cut.sql"
: >"$CALLS"
run "$SCRIPTS/docker-dev.sh" restore "$WORK/cut.sql" --yes
is "$STATUS" 64 "a .sql without --database"
run "$SCRIPTS/docker-dev.sh" restore "$WORK/cut.sql" --yes --database ai
is "$STATUS" 65 "a .sql cut short"
printf -- '--\n-- PostgreSQL database cluster dump\n--\n' >"$WORK/cluster.sql"
run "$SCRIPTS/docker-dev.sh" restore "$WORK/cluster.sql" --yes --database ai
is "$STATUS" 65 "a dump of a whole server"
run "$SCRIPTS/docker-dev.sh" restore "$WORK/cut.sql" --yes --database nothing
is "$STATUS" 64 "a database that does not exist"
engine_untouched "plain dumps"
