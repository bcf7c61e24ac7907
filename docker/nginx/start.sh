#!/bin/sh
# Starts nginx. Without a certificate it makes a self-signed one for as long as the container lives;
# outside development that is refused, because browsers would teach people to click warnings away.
set -eu

ssl=/tmp/ssl
mkdir -p "$ssl" /tmp/settings
if [ -s /etc/nginx/ssl/tls.crt ] && [ -s /etc/nginx/ssl/tls.key ]; then
    ssl=/etc/nginx/ssl
elif [ "${ENVIRONMENT:-development}" = development ]; then
    echo "nginx: no tls.crt and tls.key in /etc/nginx/ssl, making a self-signed pair" >&2
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 \
        -subj "/CN=${SERVER_NAME:-localhost}" \
        -addext "subjectAltName=DNS:${SERVER_NAME:-localhost},DNS:localhost,IP:127.0.0.1" \
        -keyout "$ssl/tls.key" -out "$ssl/tls.crt" 2>/dev/null
else
    echo "nginx: $ENVIRONMENT needs tls.crt and tls.key in TLS_DIR (mounted at /etc/nginx/ssl)" >&2
    exit 64
fi
cat >/tmp/settings/certificate.conf <<CONFIG
ssl_certificate $ssl/tls.crt;
ssl_certificate_key $ssl/tls.key;
CONFIG

# HSTS holds for every port of a host name for years: on localhost it would take http:// away from
# everything else a developer runs.
if [ "${ENVIRONMENT:-development}" = development ]; then
    : >/tmp/settings/hsts.conf
else
    echo 'add_header Strict-Transport-Security "max-age=63072000; includeSubDomains" always;' \
        >/tmp/settings/hsts.conf
fi

# Docker's own name server, or the one that the engine in use gives to containers.
resolver=$(awk '$1 == "nameserver" { print ($2 ~ /:/ ? "[" $2 "]" : $2); exit }' /etc/resolv.conf)
echo "resolver ${resolver:-127.0.0.11} valid=2s ipv6=off;" >/tmp/settings/resolver.conf

exec nginx -c /etc/nginx/site/nginx.conf -g 'daemon off;'
