#!/bin/sh
# Starts Redis with the password of the secret. It goes in by standard input, so that it is neither
# in a file nor on a command line.
set -eu
password=$(cat /run/secrets/redis_password)
[ -n "$password" ] || { echo "redis: the secret redis_password is empty" >&2; exit 64; }
exec redis-server /etc/redis/site/redis.conf - <<CONFIG
requirepass "$password"
CONFIG
