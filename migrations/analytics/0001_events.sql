-- What happened, raw for a while and by the hour for longer. No texts, no addresses.

create table analytics.events (
    id          uuid not null,
    -- Part of the key because the table is partitioned by it: a repeated event has the same time.
    time        timestamptz not null,
    stream      text not null,
    kind        text not null,
    source      text not null,
    user_id     uuid,
    -- Of requests only; the rest of an event is in `data`.
    upstream    text,
    route       text,
    status      smallint,
    duration_ms bigint,
    data        jsonb not null,
    primary key (id, time)
) partition by range (time);

create index events_stream_time on analytics.events (stream, time);

-- Catches what no month is there for, so that nothing is refused.
create table analytics.events_default partition of analytics.events default;

-- Makes the partition of a month (UTC) and moves what has strayed into the default one. False when
-- it was there.
create function analytics.ensure_month(month date) returns boolean language plpgsql as $$
declare
    name  text := format('events_%s', to_char(month, 'YYYY_MM'));
    start timestamptz := date_trunc('month', month::timestamp) at time zone 'UTC';
    stop  timestamptz := (date_trunc('month', month::timestamp) + interval '1 month') at time zone 'UTC';
begin
    if to_regclass('analytics.' || name) is not null then
        return false;
    end if;
    perform pg_advisory_xact_lock(hashtext('analytics.partitions'));
    if to_regclass('analytics.' || name) is not null then
        return false;
    end if;
    -- Attached rather than created in place: that would lock out all writers.
    execute format('create table analytics.%I (like analytics.events including defaults including constraints)', name);
    execute format(
        'with strayed as (delete from analytics.events_default where time >= %L and time < %L returning *)
         insert into analytics.%I select * from strayed', start, stop, name);
    execute format(
        'alter table analytics.events attach partition analytics.%I for values from (%L) to (%L)', name, start, stop);
    return true;
end
$$;

-- Drops the months that ended before a moment, and what strayed before it. Returns their number.
create function analytics.drop_months_before(cutoff timestamptz) returns integer language plpgsql as $$
declare
    name    text;
    dropped integer := 0;
begin
    perform pg_advisory_xact_lock(hashtext('analytics.partitions'));
    for name in
        select child.relname from pg_inherits
        join pg_class child on child.oid = inhrelid
        where inhparent = 'analytics.events'::regclass and child.relname ~ '^events_\d{4}_\d{2}$'
          and (to_date(substr(child.relname, 8), 'YYYY_MM') + interval '1 month') at time zone 'UTC' <= cutoff
    loop
        execute format('drop table analytics.%I', name);
        dropped := dropped + 1;
    end loop;
    delete from analytics.events_default where time < cutoff;
    return dropped;
end
$$;

-- Events with an impossible time, kept for a week to be looked at.
create table analytics.events_rejected (
    id          uuid primary key,
    stream      text not null,
    reason      text not null check (reason in ('future', 'expired')),
    event       jsonb not null,
    received_at timestamptz not null
);

-- Hours whose rollups are not what the raw events say.
create table analytics.dirty_hours (
    hour      timestamptz primary key,
    marked_at timestamptz not null default now()
);

-- An update and not `do nothing`: it locks the mark, so that a worker that takes it waits for the
-- events of this transaction and counts them.
create function analytics.mark_dirty_hours() returns trigger language plpgsql as $$
begin
    insert into analytics.dirty_hours (hour)
    select distinct date_trunc('hour', time, 'UTC') as hour from inserted order by hour
    on conflict (hour) do update set marked_at = now();
    return null;
end
$$;

create trigger events_mark_dirty_hours after insert on analytics.events
    referencing new table as inserted
    for each statement execute function analytics.mark_dirty_hours();

-- Number of the logarithmic interval of a duration: each is a tenth wider than the one before, so
-- that a percentile is within 5 %.
create function analytics.duration_bucket(ms bigint) returns smallint
    language sql immutable parallel safe as
$$ select case when ms < 1 then 0 else 1 + floor(ln(ms::float8) / ln(1.1::float8)) end::smallint $$;

create table analytics.requests_hourly (
    hour            timestamptz not null,
    upstream        text not null, -- empty: the gateway itself
    route           text not null,
    status_class    smallint not null,
    duration_bucket smallint not null,
    count           bigint not null,
    primary key (hour, upstream, route, status_class, duration_bucket)
);

create table analytics.usage_hourly (
    hour          timestamptz not null,
    provider      text not null,
    model         text not null,
    operation     text not null,
    outcome       text not null,
    calls         bigint not null,
    input_tokens  bigint not null,
    output_tokens bigint not null,
    cost_usd      numeric, -- of the calls whose price is known
    unpriced      bigint not null,
    tool_calls    bigint not null,
    duration_ms   bigint not null,
    primary key (hour, provider, model, operation, outcome)
);

create table analytics.sync_hourly (
    hour        timestamptz not null,
    infobase_id uuid not null,
    succeeded   bigint not null,
    failed      bigint not null,
    rows        bigint not null,
    duration_ms bigint not null,
    primary key (hour, infobase_id)
);

create table analytics.auth_hourly (
    hour  timestamptz not null,
    kind  text not null,
    count bigint not null,
    primary key (hour, kind)
);

-- Who was there: distinct users of a longer time cannot be summed from counts.
create table analytics.users_hourly (
    hour    timestamptz not null,
    user_id uuid not null,
    primary key (hour, user_id)
);
