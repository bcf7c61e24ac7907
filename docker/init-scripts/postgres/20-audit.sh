#!/bin/bash
# Runs once, after 10-application.sh: the audit log of the security service belongs to a role that nobody
# can log in as, so that the service itself can neither change nor remove what it has written, nor take
# the triggers away that refuse it. The service's migrations call audit_guard.take().
#
# On a database that is older than this file: run it by hand, then, as the service's user,
# `select audit_guard.take()`; see docs/audit.md.
set -euo pipefail

[[ $APPLICATION_DATABASE == security ]] || exit 0

psql -v ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname "$APPLICATION_DATABASE" --quiet \
    -v user="$APPLICATION_USER" <<'SQL'
create role audit_owner nologin nosuperuser nocreatedb nocreaterole;
create schema audit_guard;
create function audit_guard.take() returns void language plpgsql security definer set search_path = '' as $$
declare
    item record;
begin
    for item in
        select name, rights from (values
            ('audit_log', 'select, insert'),
            ('audit_head', 'select, update'),
            ('audit_entries', 'select, insert'),
            ('audit_tip', 'select, update'),
            ('audit_companies', 'select, insert, update'),
            ('audit_checkpoints', 'select, insert, update (delivered_at)'),
            ('audit_blocks', 'select, insert'),
            ('audit_segments', 'select, insert, update (bytes, sha256, removed_at)')) as part (name, rights)
        where to_regclass('security.' || name) is not null
    loop
        execute format('alter table security.%I owner to audit_owner', item.name);
        execute format('revoke all on table security.%I from %I', item.name, session_user);
        execute format('grant %s on table security.%I to %I', item.rights, item.name, session_user);
    end loop;
    for item in
        select oid::regprocedure as name, prosecdef from pg_catalog.pg_proc
        where pronamespace = 'security'::regnamespace
          and proname in ('refuse_change', 'guard_audit_entries', 'erase_audit_entries',
                          'remove_archived_audit_entries')
    loop
        execute format('alter function %s owner to audit_owner', item.name);
        if item.prosecdef then
            execute format('revoke all on function %s from public', item.name);
            execute format('grant execute on function %s to %I', item.name, session_user);
        end if;
    end loop;
    -- The owner of a schema may drop what is in it.
    alter schema security owner to audit_owner;
    execute format('grant usage, create on schema security to %I', session_user);
end
$$;
revoke all on function audit_guard.take() from public;
grant usage on schema audit_guard to :"user";
grant execute on function audit_guard.take() to :"user";
SQL
echo "init: the audit log will belong to audit_owner"
