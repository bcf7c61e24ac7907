#!/usr/bin/env bash
# Runs a program with secrets in its environment: Elasticsearch accepts password files only of modes
# that containers of other users could not read, Kibana and Filebeat do not accept files at all.
#
#   with-secrets.sh VARIABLE=secret... -- program [argument...]
set -euo pipefail

usage() {
    sed -n '2,5s/^# \{0,1\}//p' "$0"
}

while [ $# -gt 0 ]; do
    case $1 in
        --help)
            usage
            exit 0
            ;;
        --)
            shift
            break
            ;;
        *=*)
            file="${SECRETS_FOLDER:-/run/secrets}/${1#*=}"
            if [ ! -s "$file" ]; then
                echo "with-secrets.sh: $file is missing or empty" >&2
                exit 1
            fi
            value=$(<"$file")
            export "${1%%=*}=$value"
            shift
            ;;
        *)
            usage >&2
            exit 2
            ;;
    esac
done
if [ $# -eq 0 ]; then
    usage >&2
    exit 2
fi
exec "$@"
