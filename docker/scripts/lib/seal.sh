# shellcheck shell=bash
# Encryption of a backup by a passphrase: whoever changes one bit of it, or has another passphrase, is
# refused before anything is decrypted. Sourced after common.sh.
#
# A sealed file is: one line `AI1C-SEALED-1 <salt of the authentication key>`, what
# `openssl enc -aes-256-ctr -pbkdf2` wrote, and 64 hexadecimal digits of HMAC-SHA256 over all before
# them. Two keys are derived from the passphrase with two salts. openssl and coreutils are enough to open
# it by hand, see docs/backup.md.

readonly SEAL_MAGIC=AI1C-SEALED-1 SEAL_ITERATIONS=600000

# hmac_sha256 KEY_HEX <DATA: RFC 2104 for a key of 32 bytes. By coreutils, because `openssl dgst` and
# `openssl mac` take the key on the command line, where everybody on the machine can read it.
hmac_sha256() {
    local key=$1 inner='' outer='' byte i hash
    for ((i = 0; i < 64; i++)); do
        byte=00
        if ((i * 2 < ${#key})); then byte=${key:i*2:2}; fi
        inner+=$(printf '\\x%02x' $((16#$byte ^ 0x36)))
        outer+=$(printf '\\x%02x' $((16#$byte ^ 0x5c)))
    done
    hash=$({ printf '%b' "$inner"; cat; } | sha256sum | cut -c1-64)
    # shellcheck disable=SC2001
    { printf '%b' "$outer"; printf '%b' "$(sed 's/../\\x&/g' <<<"$hash")"; } | sha256sum | cut -c1-64
}

# authentication_key KEY_FILE SALT_HEX
authentication_key() {
    openssl enc -aes-256-ctr -pbkdf2 -iter "$SEAL_ITERATIONS" -md sha256 -S "$2" -pass "file:$1" -P </dev/null |
        sed -n 's/^key=//p' | tr 'A-F' 'a-f'
}

# seal FILE KEY_FILE TARGET
seal() {
    local salt key mac
    [[ -s $2 && $(tr -d '\n' <"$2" | wc -c) -ge 16 ]] ||
        die "$EX_USAGE" "Ключ $2 пуст или короче 16 знаков" "The key $2 is empty or has fewer than 16 characters"
    salt=$(openssl rand -hex 8)
    key=$(authentication_key "$2" "$salt")
    {
        printf '%s %s\n' "$SEAL_MAGIC" "$salt"
        openssl enc -aes-256-ctr -pbkdf2 -iter "$SEAL_ITERATIONS" -md sha256 -salt -pass "file:$2" -in "$1"
    } >"$3"
    mac=$(hmac_sha256 "$key" <"$3")
    printf '%s' "$mac" >>"$3"
}

is_sealed() { [[ $(head -c "${#SEAL_MAGIC}" "$1" 2>/dev/null | tr -d '\0') == "$SEAL_MAGIC" ]]; }

# unseal FILE KEY_FILE: the contents on standard output; nothing, and false, when the file was changed,
# is cut short, or the key is another one.
unseal() {
    local salt key header
    [[ -s $2 ]] || return 1
    header=$(head -c 64 "$1" | head -n 1 | tr -d '\0')
    [[ $header =~ ^$SEAL_MAGIC\ ([0-9a-f]{16})$ ]] || return 1
    salt=${BASH_REMATCH[1]}
    (($(stat -c %s "$1") > ${#header} + 1 + 16 + 64)) || return 1
    key=$(authentication_key "$2" "$salt") || return 1
    [[ ${#key} == 64 && $(head -c -64 "$1" | hmac_sha256 "$key") == "$(tail -c 64 "$1" | tr -d '\0')" ]] || return 1
    tail -c "+$((${#header} + 2))" "$1" | head -c -64 |
        openssl enc -d -aes-256-ctr -pbkdf2 -iter "$SEAL_ITERATIONS" -md sha256 -pass "file:$2"
}
