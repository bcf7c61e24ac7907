# shellcheck shell=bash
# shellcheck disable=SC2034
# The demo users and the question that shows that all works. Sourced after common.sh and api.sh.

DEMO_ROLES=(admin director accountant manager security user)
declare -A DEMO_NAME=(
    [director]="Дмитрий Директоров" [accountant]="Ольга Бухгалтерова" [manager]="Максим Менеджеров"
    [security]="Сергей Безопасный" [user]="Юлия Пользователева"
)
DEMO_QUESTION='Кто нам должен больше всего и сколько просрочено?'

# demo_base: true in development with the demo 1C server as the infobase.
demo_base() { [[ $(environment) == development && ${ONEC_SERVER_URL:-http://onec-demo:} == http://onec-demo:* ]]; }

admin_email() { printf '%s\n' "${ADMIN_EMAIL:-admin@demo.local}"; }

# The administrator's password; in development the other demo users have the same.
admin_password() { printf '%s' "${ADMIN_PASSWORD:-$(cat "$(secrets_dir)/admin_password")}"; }

# wait_synchronised SECONDS, with an administrator's token in API_TOKEN: until a synchronisation with 1C
# has succeeded. Tells how far it is.
wait_synchronised() {
    local deadline jobs line told=
    deadline=$(($(date +%s) + $1))
    while (($(date +%s) < deadline)); do
        jobs=$(api_ok GET '/api/1c/sync/jobs?limit=5') || return 1
        if jq -e 'any(.items[]; .state == "succeeded")' <<<"$jobs" >/dev/null; then return; fi
        line=$(jq -r '.items[0] | select(.) | "\(.rows) \(.state)"' <<<"$jobs")
        if [[ -n $line && $line != "$told" ]]; then
            say "  синхронизация с 1С: строк ${line% *}" "  synchronising with 1C: ${line% *} rows"
            told=$line
        fi
        sleep 0.5
    done
    warn "первая синхронизация не закончилась за $1 с" "the first synchronisation did not end within $1 s"
    return 1
}

# make_demo_users, with an administrator's token in API_TOKEN: those that do not exist yet, with their
# roles. Asked for, not tried: failed logins would be the first thing that the security service sees.
make_demo_users() {
    local users company role email user companies body id
    company=$(api_ok GET /api/1c/companies | jq -c '[.items[0].id]') || return 1
    users=$(api_ok GET '/api/users?limit=500&q=demo.local') || return 1
    for role in "${DEMO_ROLES[@]:1}"; do
        email=$role@demo.local
        user=$(jq -c --arg email "$email" 'first(.items[] | select(.email == $email)) // empty' <<<"$users")
        if [[ -z $user ]]; then
            body=$(PASSWORD=$(admin_password) jq -cn --arg email "$email" --arg name "${DEMO_NAME[$role]}" \
                '{email: $email, password: env.PASSWORD, name: $name}')
            user=$(API_TOKEN='' api_ok POST /api/users/auth/register "$body" | jq -c '.user // .') || return 1
        fi
        companies='["*"]'
        if [[ $role == manager ]]; then companies=$company; fi
        body=$(jq -cn --arg role "$role" --argjson companies "$companies" '{role: $role, companies: $companies}')
        if jq -e --argjson wanted "$body" '{role, companies} == $wanted' <<<"$user" >/dev/null; then continue; fi
        id=$(jq -er .id <<<"$user") || return 1
        api_ok PUT "/api/users/$id/role" "$body" >/dev/null || return 1
    done
}

# ask QUESTION, with a token in API_TOKEN: the question, its answer and the sources.
ask() {
    local body answer
    body=$(jq -cn --arg message "$1" '{message: $message}')
    answer=$(api_ok POST /api/ai/chat "$body") || return 1
    printf '\n  ? %s\n\n' "$1"
    jq -r '(.answer | split("\n")[] | "  " + .),
        (.citations[]? | "  [\(.id)] \(.infobase) — \(.object), \(.as_of)"),
        (.notices[]? | "  ! \(.)")' <<<"$answer"
}
