#!/usr/bin/env bash
# Every command explains itself in both languages, and a wrong one is told so.
# shellcheck source=/dev/null
. "$(dirname -- "${BASH_SOURCE[0]}")/assert.sh"

commands=$(sed -n '/^COMMANDS=(/,/)/p' "$SCRIPTS/docker-dev.sh" | tr -d '()' | sed 's/^COMMANDS=//')
count=0
for command in $commands; do
    AI1C_LANG=en run "$SCRIPTS/docker-dev.sh" "$command" --help
    is "$STATUS" 0 "$command --help"
    english=$OUTPUT
    AI1C_LANG=ru run "$SCRIPTS/docker-dev.sh" "$command" --help
    is "$STATUS" 0 "$command --help in Russian"
    [[ -n $english && -n $OUTPUT && $english != "$OUTPUT" ]] || fail "$command --help is not in two languages"
    count=$((count + 1))
done
((count >= 20)) || fail "only $count commands were found"
for script in docker-dev.sh docker-build.sh watch.sh clean-logs.sh; do
    run "$SCRIPTS/$script" --help
    is "$STATUS" 0 "$script --help"
    has "$OUTPUT" "$script" "$script --help"
    run "$SCRIPTS/$script" no-such-thing
    is "$STATUS" 64 "$script no-such-thing"
done
run "$SCRIPTS/docker-dev.sh"
is "$STATUS" 64 "no command"
run "$SCRIPTS/docker-dev.sh" backup --no-such-option
is "$STATUS" 64 "a wrong option"
run "$SCRIPTS/docker-dev.sh" restore
is "$STATUS" 64 "restore without a file"
run "$SCRIPTS/docker-build.sh" service no-such-image
is "$STATUS" 64 "an image that does not exist"
run "$SCRIPTS/docker-build.sh" --platform linux/amd64,linux/arm64
is "$STATUS" 64 "two platforms without --push"
answer_docker services "config --services" api-gateway
run "$SCRIPTS/docker-dev.sh" logs no-such-service
is "$STATUS" 64 "a service that does not exist"
has "$OUTPUT" api-gateway "the services that exist are named"
engine_untouched "wrong calls"
