#!/bin/bash
# Runs once, when the data folder is new: the service's database and its owner, and a role for the
# exporter. Neither is a superuser; no other database can be connected to by them.
set -euo pipefail

# psql itself reads the passwords and quotes them: they are on no command line.
psql -v ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname postgres --quiet \
    -v user="$APPLICATION_USER" -v database="$APPLICATION_DATABASE" <<'SQL'
\set application_password `cat "$APPLICATION_PASSWORD_FILE"`
\set monitoring_password `cat "$MONITORING_PASSWORD_FILE"`
create role :"user" login nosuperuser nocreatedb nocreaterole password :'application_password';
create database :"database" owner :"user";
revoke all on database :"database" from public;
revoke connect on database postgres from public;
revoke connect on database template1 from public;
create role monitoring login nosuperuser connection limit 5 password :'monitoring_password';
grant pg_monitor to monitoring;
grant connect on database :"database" to monitoring;
SQL
echo "init: database $APPLICATION_DATABASE of $APPLICATION_USER is there"
