-- All settings of an infobase: how it is called, how often, through what; and its removal in parts.

alter table onec.infobases
    alter column base_url drop not null,
    -- odata: we call 1C; commerceml: 1C calls us, and there is no address.
    add column kind text not null default 'odata' check (kind in ('odata', 'commerceml')),
    -- Roots of the web services and of the HTTP services; null: ws/ and hs/ of the base.
    add column soap_url text,
    add column http_url text,
    -- Calls at a time: each takes a session of 1C, and a session a licence.
    add column concurrency int not null default 3 check (concurrency between 1 and 16),
    -- Null: no limit.
    add column requests_per_second numeric check (requests_per_second > 0),
    add column session_mode text not null default 'auto' check (session_mode in ('auto', 'use', 'none')),
    -- Sealed as the password is: it may hold a login of its own.
    add column proxy_url bytea,
    -- PEM: authorities trusted besides the usual ones.
    add column ca_certificate text,
    add column request_timeout_seconds int not null default 60 check (request_timeout_seconds between 1 and 600),
    -- Entity set of the exchange plan, `ExchangePlan_X`, and the code of our node in it; a null code:
    -- the only node that is not the base itself.
    add column exchange_plan text,
    add column exchange_node text,
    -- Null: SYNC_INTERVAL.
    add column sync_interval_seconds int check (sync_interval_seconds > 0),
    -- Hour of the infobase's zone at which the mirror is compared with all of 1C.
    add column reconcile_hour int not null default 3 check (reconcile_hour between 0 and 23),
    -- Prefixes of paths of HTTP services that may be called.
    add column http_services text[] not null default '{}',
    -- Neither synchronised nor probed.
    add column paused boolean not null default false,
    -- Findings of the last check of the saved settings.
    add column last_check jsonb,
    -- Gone for everybody; its rows are deleted in parts.
    add column deleted_at timestamptz,
    add constraint infobases_address check (base_url is not null or kind = 'commerceml' or deleted_at is not null);

-- Deletes at most so many rows of an infobase, in whatever tables point to it, and tells how many:
-- each call is a short transaction, where one of all rows would hold locks and swell the log for minutes.
create function onec.delete_rows(infobase uuid, most int) returns int language plpgsql as $$
declare
    child record;
    -- "deleted" is a column of the tables.
    removed int;
begin
    for child in
        select c.conrelid::regclass as name, a.attname as key
        from pg_constraint c
        join pg_attribute a on a.attrelid = c.conrelid and a.attnum = c.conkey[1]
        where c.contype = 'f' and c.confrelid = 'onec.infobases'::regclass and cardinality(c.conkey) = 1
          and c.conparentid = 0
        order by 1
    loop
        execute format(
            'delete from %1$s where ctid = any (array(select ctid from %1$s where %2$I = $1 limit $2))',
            child.name, child.key)
        using infobase, most;
        get diagnostics removed = row_count;
        if removed > 0 then
            return removed;
        end if;
    end loop;
    return 0;
end
$$;
