-- What may be spent on language models, what has been, and what is held for attempts under way.

-- Of rows before, role and company are not known.
alter table assistant.usage
    add column role       text,
    -- The company (organisation of 1C) that was asked about, when it was one.
    add column company_id uuid,
    -- The provider told no tokens: they are guessed.
    add column estimated  boolean not null default false,
    -- The answer came out of the cache and used nothing.
    add column cached     boolean not null default false;
create index usage_by_time on assistant.usage (created_at);
create index usage_by_company on assistant.usage (company_id, created_at) where company_id is not null;

create table assistant.budget_limits (
    id          uuid primary key,
    scope       text not null check (scope in ('all', 'user', 'role', 'company')),
    -- Id of the user or company, name of the role; `*` is each one that has no limit of its own, and the
    -- only subject of `all`.
    subject     text not null,
    period      text not null check (period in ('day', 'month')),
    -- Where days and months begin; null: TIME_ZONE.
    time_zone   text,
    -- Reached, a soft one is told of and a hard one ends the spending; null: none.
    soft_tokens bigint check (soft_tokens >= 0),
    hard_tokens bigint check (hard_tokens >= 0),
    soft_usd    numeric(18, 8) check (soft_usd >= 0),
    hard_usd    numeric(18, 8) check (hard_usd >= 0),
    updated_by  uuid not null,
    updated_at  timestamptz not null,
    constraint budget_limits_key unique (scope, subject, period)
);

-- What one subject has spent in one period. There is a row only where a limit holds.
create table assistant.budget_counters (
    id          bigint generated always as identity primary key,
    scope       text not null,
    subject     text not null,
    period      text not null,
    -- The first day of the period, in the zone of the limit.
    starts      date not null,
    tokens      bigint not null,
    -- As far as prices are known.
    usd         numeric(18, 8) not null,
    -- Attempts whose price is not known.
    unpriced    bigint not null,
    held_tokens bigint not null default 0,
    held_usd    numeric(18, 8) not null default 0,
    -- It has been told that the soft limit is reached.
    soft_told   boolean not null default false,
    constraint budget_counters_key unique (scope, subject, period, starts)
);
create index budget_counters_by_age on assistant.budget_counters (starts);

-- What is held for one attempt until it is settled.
create table assistant.budget_reservations (
    id         uuid primary key,
    counters   bigint[] not null,
    -- Zero once it was given back because nobody settled it in time.
    tokens     bigint not null,
    usd        numeric(18, 8) not null,
    expires_at timestamptz not null
);
create index budget_reservations_by_expiry on assistant.budget_reservations (expires_at);

-- The limits of a caller, each with the period that `now` is in. The limit of a subject itself goes
-- before the one of all like it. Without companies (null): all that have a limit of their own.
create function assistant.budgets_of(
    caller uuid, caller_role text, companies uuid[], zone text, now timestamptz)
returns table (
    limit_id uuid, scope text, subject text, period text, starts date, began timestamptz, renews timestamptz,
    soft_tokens bigint, hard_tokens bigint, soft_usd numeric, hard_usd numeric)
language sql stable as $$
    with asked (scope, subject) as (
        select 'all', '*'
        union all select 'user', caller::text
        union all select 'role', caller_role
        union all select 'company', one::text from unnest(companies) as one
        union all select 'company', l.subject from assistant.budget_limits l
            where companies is null and l.scope = 'company' and l.subject <> '*'
    ), held as (
        select distinct on (a.scope, a.subject, l.period)
            l.id, a.scope, a.subject, l.period, coalesce(l.time_zone, zone) as zone,
            date_trunc(l.period, now at time zone coalesce(l.time_zone, zone)) as first,
            l.soft_tokens, l.hard_tokens, l.soft_usd, l.hard_usd
        from asked a
        join assistant.budget_limits l on l.scope = a.scope and l.subject in (a.subject, '*')
        order by a.scope, a.subject, l.period, l.subject = '*'
    )
    select id, scope, subject, period, first::date, first at time zone zone,
        (first + ('1 ' || period)::interval) at time zone zone,
        soft_tokens, hard_tokens, soft_usd, hard_usd
    from held
$$;

-- Holds tokens and money in all counters of the caller, or in none. No rows: no limit holds. Otherwise a
-- row for each limit that refuses, and nothing is held; or, all being held, a row for each limit, with
-- `soft` for those that are past their soft bound. A null price is one that is not known.
create function assistant.budget_reserve(
    reservation uuid, caller uuid, caller_role text, companies uuid[], zone text, now timestamptz,
    expires timestamptz, wanted_tokens bigint, wanted_usd numeric, price_needed boolean)
returns table (
    verdict text, scope text, subject text, period text, renews timestamptz, tokens bigint, usd numeric,
    cap_tokens bigint, cap_usd numeric)
language plpgsql as $$
#variable_conflict use_column
declare
    ids bigint[];
begin
    if not exists (select from assistant.budget_limits) then
        return;
    end if;
    -- What a crash of the database loses here ends its requests as well.
    perform set_config('synchronous_commit', 'off', true);
    insert into assistant.budget_counters (scope, subject, period, starts, tokens, usd, unpriced)
    -- A limit that is set in the middle of a period counts what went before it.
    select b.scope, b.subject, b.period, b.starts, u.tokens, u.usd, u.unpriced
    from assistant.budgets_of(caller, caller_role, companies, zone, now) b
    cross join lateral (
        select coalesce(sum(u.input_tokens + u.output_tokens), 0)::bigint as tokens,
            coalesce(sum(u.cost_usd), 0) as usd, count(*) filter (where u.cost_usd is null) as unpriced
        from assistant.usage u
        where u.created_at >= b.began and case b.scope
            when 'user' then u.user_id::text = b.subject
            when 'role' then u.role = b.subject
            when 'company' then u.company_id::text = b.subject
            else true end
    ) u
    where not exists (
        select from assistant.budget_counters c
        where (c.scope, c.subject, c.period, c.starts) = (b.scope, b.subject, b.period, b.starts))
    order by b.scope, b.subject, b.period
    on conflict do nothing;

    -- In the order of ids, so that no two requests wait for each other.
    select array_agg(locked.id) into ids from (
        select c.id
        from assistant.budgets_of(caller, caller_role, companies, zone, now) b
        join assistant.budget_counters c using (scope, subject, period, starts)
        order by c.id for update of c
    ) locked;
    if ids is null then
        return;
    end if;

    return query
    select 'refused', b.scope, b.subject, b.period, b.renews, c.tokens + c.held_tokens, c.usd + c.held_usd,
        b.hard_tokens, b.hard_usd
    from assistant.budgets_of(caller, caller_role, companies, zone, now) b
    join assistant.budget_counters c using (scope, subject, period, starts)
    where c.id = any (ids) and (
        c.tokens >= b.hard_tokens or c.tokens + c.held_tokens + wanted_tokens > b.hard_tokens
        or wanted_usd is not null
            and (c.usd >= b.hard_usd or c.usd + c.held_usd + wanted_usd > b.hard_usd)
        or wanted_usd is null and price_needed and b.hard_usd is not null)
    order by b.renews desc;
    if found then
        return;
    end if;

    update assistant.budget_counters c
    set held_tokens = c.held_tokens + wanted_tokens, held_usd = c.held_usd + coalesce(wanted_usd, 0)
    where c.id = any (ids);
    insert into assistant.budget_reservations (id, counters, tokens, usd, expires_at)
    values (reservation, ids, wanted_tokens, coalesce(wanted_usd, 0), expires);

    return query
    select case when c.tokens >= b.soft_tokens or c.usd >= b.soft_usd then 'soft' else 'held' end,
        b.scope, b.subject, b.period, b.renews, c.tokens, c.usd, b.soft_tokens, b.soft_usd
    from assistant.budgets_of(caller, caller_role, companies, zone, now) b
    join assistant.budget_counters c using (scope, subject, period, starts)
    where c.id = any (ids)
    order by b.scope, b.subject, b.period;
end
$$;

-- Puts what an attempt used in the place of what was held for it. A row for each soft limit that is
-- reached now for the first time in its period.
create function assistant.budget_settle(reservation uuid, used_tokens bigint, used_usd numeric)
returns table (scope text, subject text, period text, tokens bigint, usd numeric, cap_tokens bigint, cap_usd numeric)
language plpgsql as $$
#variable_conflict use_column
declare
    held assistant.budget_reservations;
begin
    delete from assistant.budget_reservations where id = reservation returning * into held;
    if not found then
        return;
    end if;
    perform from assistant.budget_counters c where c.id = any (held.counters) order by c.id for update;
    update assistant.budget_counters c
    set tokens = c.tokens + used_tokens, usd = c.usd + coalesce(used_usd, 0),
        unpriced = c.unpriced + (used_usd is null)::int,
        held_tokens = c.held_tokens - held.tokens, held_usd = c.held_usd - held.usd
    where c.id = any (held.counters);
    return query
    update assistant.budget_counters c set soft_told = true
    from (
        select distinct on (c.id) c.id, l.soft_tokens, l.soft_usd
        from assistant.budget_counters c
        join assistant.budget_limits l
            on l.scope = c.scope and l.subject in (c.subject, '*') and l.period = c.period
        where c.id = any (held.counters)
        order by c.id, l.subject = '*'
    ) l
    where c.id = l.id and not c.soft_told and (c.tokens >= l.soft_tokens or c.usd >= l.soft_usd)
    returning c.scope, c.subject, c.period, c.tokens, c.usd, l.soft_tokens, l.soft_usd;
end
$$;

-- Gives back what is held for attempts that nobody settled in time, and forgets what is long over. How
-- many reservations there were.
create function assistant.budget_sweep(now timestamptz) returns bigint language plpgsql as $$
declare
    late uuid[];
begin
    select array_agg(r.id) into late from (
        select id from assistant.budget_reservations
        where expires_at < now and (tokens > 0 or usd > 0)
        limit 1000 for update skip locked
    ) r;
    delete from assistant.budget_reservations where expires_at < now - interval '1 day';
    delete from assistant.budget_counters where starts < (now - interval '400 days')::date;
    if late is null then
        return 0;
    end if;
    perform from assistant.budget_counters c
    where c.id in (select unnest(r.counters) from assistant.budget_reservations r where r.id = any (late))
    order by c.id for update;
    update assistant.budget_counters c
    set held_tokens = c.held_tokens - back.tokens, held_usd = c.held_usd - back.usd
    from (
        select one as id, sum(r.tokens) as tokens, sum(r.usd) as usd
        from assistant.budget_reservations r, unnest(r.counters) as one
        where r.id = any (late) group by one
    ) back
    where c.id = back.id;
    -- Whoever settles them after all finds the counters.
    update assistant.budget_reservations set tokens = 0, usd = 0 where id = any (late);
    return cardinality(late);
end
$$;
