# shellcheck shell=bash
# The five databases: which server has which, and how they are spoken to. Sourced after common.sh.
#
# Everything goes through the local socket inside the server's container, where the superuser needs no
# password: no password is on a command line, and nothing has to be published.

POSTGRES_SERVICES=(postgres_ai postgres_1c postgres_user postgres_analytics postgres_security)

# Of each: the database, its owner, the service that uses it, the variable that moves it elsewhere.
declare -A DATABASE=(
    [postgres_ai]=ai [postgres_1c]=onec [postgres_user]=identity
    [postgres_analytics]=analytics [postgres_security]=security
)
declare -A DATABASE_OWNER=(
    [postgres_ai]=ai_user [postgres_1c]=1c_user [postgres_user]=user_user
    [postgres_analytics]=analytics_user [postgres_security]=security_user
)
# shellcheck disable=SC2034
declare -A DATABASE_SERVICE=(
    [postgres_ai]=ai-assistant [postgres_1c]=1c-integration [postgres_user]=user-management
    [postgres_analytics]=analytics [postgres_security]=security
)
declare -A DATABASE_URL_VARIABLE=(
    [postgres_ai]=AI_DATABASE_URL [postgres_1c]=ONEC_DATABASE_URL [postgres_user]=USER_DATABASE_URL
    [postgres_analytics]=ANALYTICS_DATABASE_URL [postgres_security]=SECURITY_DATABASE_URL
)

# database_external SERVER: true when the settings send the service to a database outside of compose.
database_external() {
    local variable=${DATABASE_URL_VARIABLE[$1]}
    [[ -n ${!variable:-} && ${!variable} != *"@$1:"* && ${!variable} != *"@$1/"* ]]
}

redis_external() { [[ -n ${REDIS_URL:-} && ${REDIS_URL} != *"redis:6379"* ]]; }

# own_servers: the servers of compose that are in use.
own_servers() {
    local server
    for server in "${POSTGRES_SERVICES[@]}"; do
        if ! database_external "$server"; then printf '%s\n' "$server"; fi
    done
}

# server_of NAME: the server of a database, by the database's, the service's or the server's own name.
server_of() {
    local server name=${1,,}
    for server in "${POSTGRES_SERVICES[@]}"; do
        case $name in
            "$server" | "${server#postgres_}" | "${DATABASE[$server]}" | "${DATABASE_SERVICE[$server]}")
                printf '%s\n' "$server"
                return
                ;;
        esac
    done
    return 1
}

# server_psql SERVER DATABASE ARGUMENTS...: psql as the superuser; a mistake ends it.
server_psql() {
    local server=$1 database=$2
    shift 2
    compose exec -T -e PGOPTIONS='-c client_min_messages=warning' "$server" psql -X -q -v ON_ERROR_STOP=1 -U postgres -d "$database" "$@"
}

# sql_identifier NAME: quoted, since 1c_user begins with a digit.
sql_identifier() { printf '"%s"' "${1//\"/\"\"}"; }

# apply_passwords SERVER: gives the roles of a server the passwords of the secrets that its container
# has. An existing data folder keeps the passwords it was made with, whatever the secrets say now.
apply_passwords() {
    server_psql "$1" postgres -v owner="${DATABASE_OWNER[$1]}" <<'SQL'
\set application `cat /run/secrets/postgres_password`
\set monitoring `cat /run/secrets/postgres_monitoring_password`
\set admin `cat /run/secrets/postgres_admin_password`
-- Passwords in statements do not belong in the server's log, even when it logs all of them.
set log_statement = none;
set log_min_duration_statement = -1;
set log_min_error_statement = panic;
alter role :"owner" password :'application';
alter role monitoring password :'monitoring';
alter role postgres password :'admin';
SQL
}
