-- Hours added up to days of the service's time zone, and days to months: a year is read from twelve
-- rows instead of nine thousand. Each is counted again as a whole when what it is made of changes.

-- Requests of an hour without their routes and durations: a month of hours is read at once.
create table analytics.traffic_hourly (
    hour         timestamptz not null,
    upstream     text not null,
    status_class smallint not null,
    count        bigint not null,
    primary key (hour, upstream, status_class)
);

insert into analytics.traffic_hourly
select hour, upstream, status_class, sum(count) from analytics.requests_hourly group by 1, 2, 3;

create table analytics.requests_daily (
    day             date not null,
    upstream        text not null,
    status_class    smallint not null,
    duration_bucket smallint not null,
    count           bigint not null,
    primary key (day, upstream, status_class, duration_bucket)
);

create table analytics.usage_daily (
    day           date not null,
    provider      text not null,
    model         text not null,
    operation     text not null,
    outcome       text not null,
    calls         bigint not null,
    input_tokens  bigint not null,
    output_tokens bigint not null,
    cost_usd      numeric,
    unpriced      bigint not null,
    tool_calls    bigint not null,
    duration_ms   bigint not null,
    primary key (day, provider, model, operation, outcome)
);

create table analytics.sync_daily (
    day         date not null,
    infobase_id uuid not null,
    succeeded   bigint not null,
    failed      bigint not null,
    rows        bigint not null,
    duration_ms bigint not null,
    primary key (day, infobase_id)
);

create table analytics.auth_daily (
    day   date not null,
    kind  text not null,
    count bigint not null,
    primary key (day, kind)
);

create table analytics.users_daily (
    day     date not null,
    user_id uuid not null,
    primary key (day, user_id)
);

-- `day` is the first of the month.
create table analytics.requests_monthly (like analytics.requests_daily including all);
create table analytics.usage_monthly (like analytics.usage_daily including all);
create table analytics.auth_monthly (like analytics.auth_daily including all);
create table analytics.users_monthly (like analytics.users_daily including all);

create table analytics.dirty_days (
    day       date primary key,
    marked_at timestamptz not null default now()
);

create table analytics.dirty_months (
    day       date primary key,
    marked_at timestamptz not null default now()
);

-- The time zone that days are of: when it changes, they are counted again.
create table analytics.rollup_zone (
    singleton boolean primary key default true check (singleton),
    time_zone text not null
);

-- Has the rollups of a time counted again from the raw events, as far as they are kept: after events were
-- mended by hand or brought in from elsewhere. Returns how many hours that are. Hours whose raw events are
-- gone keep what was counted.
create function analytics.recount(since timestamptz, until timestamptz) returns bigint language sql as $$
    with hours as (
        insert into analytics.dirty_hours (hour)
        select distinct date_trunc('hour', time, 'UTC') from analytics.events where time >= since and time < until
        on conflict (hour) do update set marked_at = now()
        returning 1
    )
    select count(*) from hours
$$;
