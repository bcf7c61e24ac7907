#!/usr/bin/env bash
# The provider against clients that are not ours: authlib goes all the way of a program (code with PKCE,
# ID token, userinfo, refresh, introspection, revocation), and Apache's mod_auth_openidc logs a browser in.
# Starts and ends a PostgreSQL, a Redis, the service and an Apache of its own, all on loopback.
#
# Needs Python 3, PostgreSQL and Redis programs; the Apache part needs the Debian packages apache2 and
# libapache2-mod-auth-openidc and is left out, with a word, where they are missing.
#
# Usage: crates/user-management/tests/external/run.sh
#   VENV   where the Python packages go (default: oidc-venv in cargo's target directory)
set -euo pipefail
cd "$(dirname "$0")/../../../.."
here=crates/user-management/tests/external
target=$(cargo metadata --format-version 1 --no-deps | python3 -c 'import json, sys; print(json.load(sys.stdin)["target_directory"])')
venv=${VENV:-$target/oidc-venv}
work=$(mktemp -d)
chmod 755 "$work"
pids=()
initdb=(/usr/lib/postgresql/*/bin/initdb)
postgres_bin=$(dirname "${initdb[-1]}")
as_postgres() { if [ "$(id -u)" = 0 ]; then (cd / && runuser -u postgres -- "$@"); else "$@"; fi; }
finish() {
    for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
    if [ -d "$work/postgres" ]; then
        as_postgres "$postgres_bin/pg_ctl" -D "$work/postgres" -m immediate stop >/dev/null 2>&1 || true
    fi
    wait 2>/dev/null || true
    rm -rf "$work"
}
trap finish EXIT

if ! [ -x "$venv/bin/python" ] || ! cmp -s "$here/requirements.txt" "$venv/requirements.txt"; then
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check -r "$here/requirements.txt"
    cp "$here/requirements.txt" "$venv/requirements.txt"
fi

# Ports that nobody listens at; the service's admin port is not needed and gets any.
read -r api admin database redis apache < <(python3 - <<'PORTS'
import socket
sockets = [socket.socket() for _ in range(5)]
for one in sockets:
    one.bind(("127.0.0.1", 0))
print(*(one.getsockname()[1] for one in sockets))
PORTS
)

mkdir "$work/postgres"
[ "$(id -u)" = 0 ] && chown postgres "$work/postgres"
as_postgres "$postgres_bin/initdb" -D "$work/postgres" -A trust -U postgres >"$work/initdb.log"
as_postgres "$postgres_bin/pg_ctl" -D "$work/postgres" -w -l "$work/postgres/log" \
    -o "-p $database -c listen_addresses=127.0.0.1 -c unix_socket_directories=$work/postgres -c fsync=off" \
    start >/dev/null
redis-server --port "$redis" --bind 127.0.0.1 --save '' --dir "$work" >"$work/redis.log" &
pids+=($!)

cargo build --quiet -p user-management
issuer=http://127.0.0.1:$api
env PORT="$api" ADMIN_PORT="$admin" DATABASE_URL="postgres://postgres@127.0.0.1:$database/postgres" \
    REDIS_URL="redis://127.0.0.1:$redis/" PUBLIC_URL="$issuer" OIDC_ISSUER="$issuer" CLIENT_REGISTRATION=open \
    ADMIN_EMAIL=admin@example.com ADMIN_PASSWORD='administrator of this check' \
    "$target/debug/user-management" >"$work/service.log" 2>&1 &
pids+=($!)
for _ in $(seq 300); do
    if curl -fsS "$issuer/health" >/dev/null 2>&1; then break; fi
    sleep 0.1
done
curl -fsS "$issuer/health" >/dev/null || { cat "$work/service.log" >&2; exit 1; }

echo "== authlib"
"$venv/bin/python" "$here/authlib_client.py" "$issuer"

module=/usr/lib/apache2/modules/mod_auth_openidc.so
if ! [ -e "$module" ]; then
    echo "== Apache: left out, mod_auth_openidc is not installed"
    exit 0
fi
echo "== Apache with mod_auth_openidc"
secret=$("$venv/bin/python" "$here/browser.py" register "$issuer" apache "http://127.0.0.1:$apache/secret/back")
mkdir -p "$work/htdocs/secret"
echo "what only users see" >"$work/htdocs/secret/index.html"
{
    for name in mpm_event authn_core authz_core authz_user dir alias auth_openidc; do
        echo "LoadModule ${name}_module /usr/lib/apache2/modules/mod_$name.so"
    done
    cat <<CONF
Listen 127.0.0.1:$apache
ServerName 127.0.0.1
PidFile $work/apache.pid
DefaultRuntimeDir $work
ErrorLog $work/apache.log
DocumentRoot $work/htdocs
DirectoryIndex index.html
OIDCProviderMetadataURL $issuer/.well-known/openid-configuration
OIDCClientID apache
OIDCClientSecret $secret
OIDCRedirectURI http://127.0.0.1:$apache/secret/back
OIDCCryptoPassphrase a-passphrase-of-this-check
OIDCScope "openid profile email groups"
OIDCPKCEMethod S256
OIDCRemoteUserClaim email
<Directory $work/htdocs>
    Require all granted
</Directory>
<Location /secret>
    AuthType openid-connect
    Require claim groups:user
</Location>
CONF
    if [ "$(id -u)" = 0 ]; then echo "User www-data"; echo "Group www-data"; fi
} >"$work/apache.conf"
/usr/sbin/apache2 -f "$work/apache.conf" -DFOREGROUND 2>"$work/apache.err" &
pids+=($!)
for _ in $(seq 100); do
    if curl -sS -o /dev/null "http://127.0.0.1:$apache/" 2>/dev/null; then break; fi
    sleep 0.1
done
"$venv/bin/python" "$here/browser.py" visit "http://127.0.0.1:$apache/secret/" ||
    { tail -n 20 "$work/apache.log" "$work/apache.err" >&2; exit 1; }
echo "== all passed"
