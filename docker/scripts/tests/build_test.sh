#!/usr/bin/env bash
# A build that fails is never taken for a reproducible one, and images are measured against their limit.
# shellcheck source=/dev/null
. "$(dirname -- "${BASH_SOURCE[0]}")/assert.sh"

# The engine makes nothing here, as a failed build would.
export AI1C_ROOT
AI1C_ROOT=$(cd "$SCRIPTS/../.." && pwd)
export AI1C_ENV_FILE=$WORK/none
run "$SCRIPTS/docker-build.sh" verify-reproducible
[[ $STATUS != 0 ]] || fail "two failed builds were called the same"

answer_docker size "image inspect" 15000000
run "$SCRIPTS/docker-build.sh" summary
is "$STATUS" 0 "15 MB are within the limit: $OUTPUT"
answer_docker size "image inspect" 20000001
run "$SCRIPTS/docker-build.sh" summary
is "$STATUS" 1 "more than 20 MB fails"
