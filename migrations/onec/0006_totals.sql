-- Totals of the ledger, like 1C's own итоги: balances at the first moment of months, and turnovers
-- of whole months. A report takes what lies between from the entries, so that it is right at every
-- moment; totals only make it quick.
--
-- What is written into the ledger lowers `valid_until` in the same transaction; totals up to there
-- are right, later ones wait for `totals_advance`.

create table onec.totals_state (
    infobase_id uuid primary key references onec.infobases (id) on delete cascade,
    -- The first moment of a month, or infinity: totals take in all entries before it.
    valid_until timestamp not null
);

-- The moments that balances are kept of: the end of every month with entries.
create table onec.totals_months (
    infobase_id uuid not null references onec.infobases (id) on delete cascade,
    month       timestamp not null,
    primary key (infobase_id, month)
);

-- Balances before `month`; those of nothing are left out.
create table onec.totals_balances (
    infobase_id  uuid not null references onec.infobases (id) on delete cascade,
    month        timestamp not null,
    account      uuid not null,
    company      uuid,
    counterparty uuid,
    contract     uuid,
    document     uuid,
    item         uuid,
    warehouse    uuid,
    place        uuid,
    amount       numeric not null,
    quantity     numeric not null
);
create index totals_balances_account on onec.totals_balances (infobase_id, account, month);
create index totals_balances_month on onec.totals_balances (infobase_id, month);

-- Turnovers of accounts by analytics within `month`. Documents are not told apart: there would be
-- as many rows as entries.
create table onec.totals_turnovers (
    infobase_id     uuid not null references onec.infobases (id) on delete cascade,
    month           timestamp not null,
    account         uuid not null,
    company         uuid,
    counterparty    uuid,
    contract        uuid,
    item            uuid,
    warehouse       uuid,
    place           uuid,
    debit           numeric not null,
    credit          numeric not null,
    debit_quantity  numeric not null,
    credit_quantity numeric not null
);
create index totals_turnovers_account on onec.totals_turnovers (infobase_id, account, month);
create index totals_turnovers_month on onec.totals_turnovers (infobase_id, month);

-- Turnovers between accounts within `month`; one of both is null off balance.
create table onec.totals_correspondence (
    infobase_id    uuid not null references onec.infobases (id) on delete cascade,
    month          timestamp not null,
    debit_account  uuid,
    credit_account uuid,
    company        uuid,
    amount         numeric not null
);
create index totals_correspondence_month on onec.totals_correspondence (infobase_id, month);

-- Entries of one counterparty, for its statement and card.
create index ledger_debit_counterparty on onec.ledger_entries (infobase_id, debit_counterparty, period)
    where debit_counterparty is not null;
create index ledger_credit_counterparty on onec.ledger_entries (infobase_id, credit_counterparty, period)
    where credit_counterparty is not null;
-- Documents that are not posted are few.
create index documents_unposted on onec.documents (infobase_id, date) where not posted;
create index documents_counterparty on onec.documents (infobase_id, counterparty, date);
-- Numbers as people say them: without the prefix and the zeros.
create index documents_short_number on onec.documents
    (infobase_id, (ltrim(regexp_replace(number, '^.*\D', ''), '0')));

-- Which side a row is of must be known where its sum is 0.
create or replace view onec.ledger_sides as
select infobase_id, period, recorder, line, company, debit_account as account,
       debit_counterparty as counterparty, debit_contract as contract, debit_document as document,
       debit_item as item, debit_warehouse as warehouse, debit_place as place,
       amount as debit, 0::numeric as credit, coalesce(debit_quantity, 0) as quantity,
       true as is_debit, credit_account as other_account
from onec.ledger_entries
where debit_account is not null
union all
select infobase_id, period, recorder, line, company, credit_account,
       credit_counterparty, credit_contract, credit_document,
       credit_item, credit_warehouse, credit_place,
       0::numeric, amount, -coalesce(credit_quantity, 0), false, debit_account
from onec.ledger_entries
where credit_account is not null;

-- The row is locked even when it is low enough already: a computation at work must not end without
-- having seen what was written.
create function onec.totals_lower(infobase uuid, since timestamp) returns void
language sql as $$
    insert into onec.totals_state as state (infobase_id, valid_until)
    -- Nothing for an infobase that is being removed.
    select i.id, date_trunc('month', since) from onec.infobases i where i.id = infobase
    on conflict (infobase_id) do update set valid_until = least(state.valid_until, excluded.valid_until)
$$;

create function onec.totals_note() returns trigger
language plpgsql as $$
begin
    perform onec.totals_lower(infobase_id, min(period)) from changed group by infobase_id;
    return null;
end
$$;

create function onec.totals_note_update() returns trigger
language plpgsql as $$
begin
    perform onec.totals_lower(infobase_id, min(period))
    from (select infobase_id, period from before union all select infobase_id, period from after) changed
    group by infobase_id;
    return null;
end
$$;

create function onec.totals_forget() returns trigger
language plpgsql as $$
begin
    update onec.totals_state set valid_until = '-infinity';
    return null;
end
$$;

create trigger totals_insert after insert on onec.ledger_entries
    referencing new table as changed for each statement execute function onec.totals_note();
create trigger totals_delete after delete on onec.ledger_entries
    referencing old table as changed for each statement execute function onec.totals_note();
create trigger totals_update after update on onec.ledger_entries
    referencing old table as before new table as after
    for each statement execute function onec.totals_note_update();
create trigger totals_truncate after truncate on onec.ledger_entries
    for each statement execute function onec.totals_forget();

-- The latest moment, not after `at`, that balances are kept of.
create function onec.totals_boundary(infobase uuid, at timestamp) returns timestamp
language sql stable as $$
    select max(m.month)
    from onec.totals_state s join onec.totals_months m on m.infobase_id = s.infobase_id
    where s.infobase_id = infobase and m.month <= least(at, s.valid_until)
$$;

-- The first moment after the last whole month before `until` whose turnovers are kept.
create function onec.totals_end(infobase uuid, until timestamp) returns timestamp
language sql stable as $$
    select least(date_trunc('month', until), s.valid_until)
    from onec.totals_state s where s.infobase_id = infobase
$$;

-- The first moment of the first whole month since a moment.
create function onec.totals_begin(since timestamp) returns timestamp
language sql immutable as $$
    select case when date_trunc('month', since) = since then since
                else date_trunc('month', since) + interval '1 month' end
$$;

-- Computes the totals of the next month that waits; false when none does. One month at a time, so
-- that nobody waits long for the lock.
create function onec.totals_advance(infobase uuid) returns boolean
language plpgsql as $$
declare
    valid timestamp;
    base  timestamp;
    next  timestamp;
begin
    select valid_until into valid from onec.totals_state where infobase_id = infobase for update;
    if not found or valid = 'infinity' then
        return false;
    end if;
    delete from onec.totals_months where infobase_id = infobase and month > valid;
    delete from onec.totals_balances where infobase_id = infobase and month > valid;
    delete from onec.totals_turnovers where infobase_id = infobase and month >= valid;
    delete from onec.totals_correspondence where infobase_id = infobase and month >= valid;
    select date_trunc('month', min(period)) into next
    from onec.ledger_entries where infobase_id = infobase and period >= valid;
    if next is null then
        update onec.totals_state set valid_until = 'infinity' where infobase_id = infobase;
        return false;
    end if;
    select max(month) into base from onec.totals_months where infobase_id = infobase;

    insert into onec.totals_turnovers
    select infobase, next, account, company, counterparty, contract, item, warehouse, place,
           sum(debit), sum(credit), sum(debit_quantity), sum(credit_quantity)
    from (
        select debit_account as account, company, debit_counterparty as counterparty,
               debit_contract as contract, debit_item as item, debit_warehouse as warehouse,
               debit_place as place, amount as debit, 0::numeric as credit,
               coalesce(debit_quantity, 0) as debit_quantity, 0::numeric as credit_quantity
        from onec.ledger_entries
        where infobase_id = infobase and period >= next and period < next + interval '1 month'
          and debit_account is not null
        union all
        select credit_account, company, credit_counterparty, credit_contract, credit_item,
               credit_warehouse, credit_place, 0, amount, 0, coalesce(credit_quantity, 0)
        from onec.ledger_entries
        where infobase_id = infobase and period >= next and period < next + interval '1 month'
          and credit_account is not null
    ) sides
    group by account, company, counterparty, contract, item, warehouse, place;

    insert into onec.totals_correspondence
    select infobase, next, debit_account, credit_account, company, sum(amount)
    from onec.ledger_entries
    where infobase_id = infobase and period >= next and period < next + interval '1 month'
    group by debit_account, credit_account, company;

    insert into onec.totals_balances
    select infobase, next + interval '1 month', account, company, counterparty, contract, document,
           item, warehouse, place, sum(amount), sum(quantity)
    from (
        select account, company, counterparty, contract, document, item, warehouse, place, amount, quantity
        from onec.totals_balances where infobase_id = infobase and month = base
        union all
        select account, company, counterparty, contract, document, item, warehouse, place,
               debit - credit, quantity
        from onec.ledger_sides
        where infobase_id = infobase and period >= next and period < next + interval '1 month'
    ) sides
    group by account, company, counterparty, contract, document, item, warehouse, place
    having sum(amount) <> 0 or sum(quantity) <> 0;

    insert into onec.totals_months values (infobase, next + interval '1 month');
    update onec.totals_state set valid_until = next + interval '1 month' where infobase_id = infobase;
    return true;
end
$$;

-- As before, by totals and the entries after them.
--
-- Bounds of spans are written as `(select …)`: the planner takes a span of which it knows neither
-- end for a small part, as it is, and not one known end for a third of the ledger.
create or replace function onec.balances(
    infobase uuid, codes text[], before timestamp, scope uuid[], live text)
returns table (
    account uuid, code text, name text, company uuid, counterparty uuid, contract uuid, document uuid,
    item uuid, warehouse uuid, place uuid, amount numeric, quantity numeric
)
language sql stable as $$
    select a.ref, a.code, a.name, s.company, s.counterparty, s.contract, s.document,
           s.item, s.warehouse, s.place, sum(s.amount), sum(s.quantity)
    from onec.accounts_under(infobase, codes) a
    join (
        select t.account, t.company, t.counterparty, t.contract, t.document, t.item, t.warehouse, t.place,
               t.amount, t.quantity
        from onec.totals_balances t
        where live is null and t.infobase_id = infobase
          and t.month = (select onec.totals_boundary(infobase, before))
          and t.account = any (array(select ref from onec.accounts_under(infobase, codes)))
        union all
        select m.account, m.company, m.counterparty, m.contract, m.document, m.item, m.warehouse, m.place,
               m.debit - m.credit as amount, m.quantity
        from onec.ledger_sides m
        where live is null and m.infobase_id = infobase and m.period < (select before)
          and m.period >= (select coalesce(onec.totals_boundary(infobase, before), '-infinity'))
          -- As an array, so that the indices by account serve.
          and m.account = any (array(select ref from onec.accounts_under(infobase, codes)))
        union all
        select l.account, l.company, l.counterparty, l.contract, l.document, l.item, l.warehouse, l.place,
               l.amount, l.quantity
        from json_to_recordset(coalesce(live, '[]')::json) as l (
            account uuid, company uuid, counterparty uuid, contract uuid, document uuid, item uuid,
            warehouse uuid, place uuid, amount numeric, quantity numeric)
    ) s on s.account = a.ref
    where scope is null or s.company = any (scope)
    group by 1, 2, 3, 4, 5, 6, 7, 8, 9, 10
$$;

-- Turnovers between accounts in a period: from, and before `until`; by company.
create function onec.correspondence(infobase uuid, since timestamp, until timestamp, scope uuid[])
returns table (debit_account uuid, credit_account uuid, company uuid, amount numeric)
language sql stable as $$
    select s.debit_account, s.credit_account, s.company, s.amount
    from (
        select t.debit_account, t.credit_account, t.company, t.amount
        from onec.totals_correspondence t
        where t.infobase_id = infobase and t.month >= onec.totals_begin(since)
          and t.month < (select onec.totals_end(infobase, until))
        union all
        -- Before the whole months.
        select e.debit_account, e.credit_account, e.company, e.amount
        from onec.ledger_entries e
        where e.infobase_id = infobase and e.period >= (select since)
          and e.period < (select least(onec.totals_begin(since), until))
        union all
        -- After the whole months.
        select e.debit_account, e.credit_account, e.company, e.amount
        from onec.ledger_entries e
        where e.infobase_id = infobase and e.period < (select until)
          and e.period >= (select greatest(onec.totals_begin(since), onec.totals_end(infobase, until)))
    ) s
    where scope is null or s.company = any (scope)
$$;

-- Turnovers of accounts by analytics in a period, not summed up.
create function onec.movements(infobase uuid, codes text[], since timestamp, until timestamp, scope uuid[])
returns table (
    account uuid, company uuid, counterparty uuid, contract uuid, item uuid, warehouse uuid, place uuid,
    debit numeric, credit numeric, debit_quantity numeric, credit_quantity numeric
)
language sql stable as $$
    select s.account, s.company, s.counterparty, s.contract, s.item, s.warehouse, s.place,
           s.debit, s.credit, s.debit_quantity, s.credit_quantity
    from (
        select t.account, t.company, t.counterparty, t.contract, t.item, t.warehouse, t.place,
               t.debit, t.credit, t.debit_quantity, t.credit_quantity
        from onec.totals_turnovers t
        where t.infobase_id = infobase and t.month >= onec.totals_begin(since)
          and t.month < (select onec.totals_end(infobase, until))
          and t.account = any (array(select ref from onec.accounts_under(infobase, codes)))
        union all
        select m.account, m.company, m.counterparty, m.contract, m.item, m.warehouse, m.place,
               m.debit, m.credit, case when m.is_debit then m.quantity else 0 end,
               case when m.is_debit then 0 else -m.quantity end
        from onec.ledger_sides m
        where m.infobase_id = infobase and m.period >= (select since)
          and m.period < (select least(onec.totals_begin(since), until))
          and m.account = any (array(select ref from onec.accounts_under(infobase, codes)))
        union all
        select m.account, m.company, m.counterparty, m.contract, m.item, m.warehouse, m.place,
               m.debit, m.credit, case when m.is_debit then m.quantity else 0 end,
               case when m.is_debit then 0 else -m.quantity end
        from onec.ledger_sides m
        where m.infobase_id = infobase and m.period < (select until)
          and m.period >= (select greatest(onec.totals_begin(since), onec.totals_end(infobase, until)))
          and m.account = any (array(select ref from onec.accounts_under(infobase, codes)))
    ) s
    where scope is null or s.company = any (scope)
$$;

create or replace function onec.turnovers(
    infobase uuid, codes text[], since timestamp, until timestamp, scope uuid[], live text)
returns table (account uuid, code text, name text, opening numeric, debit numeric, credit numeric)
language sql stable as $$
    select a.ref, a.code, a.name, sum(s.opening), sum(s.debit), sum(s.credit)
    from onec.accounts_under(infobase, codes) a
    join (
        select t.account, t.company, t.amount as opening, 0::numeric as debit, 0::numeric as credit
        from onec.totals_balances t
        where live is null and t.infobase_id = infobase
          and t.month = (select onec.totals_boundary(infobase, since))
          and t.account = any (array(select ref from onec.accounts_under(infobase, codes)))
        union all
        -- Summed up before they are put together: there is less to sort.
        select m.account, m.company, sum(m.debit - m.credit), 0, 0
        from onec.ledger_sides m
        where live is null and m.infobase_id = infobase and m.period < (select since)
          and m.period >= (select coalesce(onec.totals_boundary(infobase, since), '-infinity'))
          and m.account = any (array(select ref from onec.accounts_under(infobase, codes)))
        group by m.account, m.company
        union all
        select side.account, c.company, 0, side.debit, side.credit
        from (select debit_account, credit_account, company, sum(amount) as amount
              from onec.correspondence(infobase, since, until, scope) group by 1, 2, 3) c
        cross join lateral (values (c.debit_account, c.amount, 0::numeric),
                                   (c.credit_account, 0, c.amount)) side (account, debit, credit)
        where live is null
        union all
        select l.account, l.company, l.opening, l.debit, l.credit
        from json_to_recordset(coalesce(live, '[]')::json) as l (
            account uuid, company uuid, opening numeric, debit numeric, credit numeric)
    ) s on s.account = a.ref
    where scope is null or s.company = any (scope)
    group by 1, 2, 3
$$;

-- What reports are broken down by, under one roof: reference, our id where there is one, name.
create view onec.dimensions as
select infobase_id, 'counterparty' as kind, ref, id, name from onec.counterparties
union all
select infobase_id, 'manager', ref, id, name from onec.managers
union all
select infobase_id, 'item', ref, id, name from onec.items
union all
select infobase_id, 'item_group', ref, id, name from onec.items where is_folder
union all
select infobase_id, 'warehouse', ref, id, name from onec.warehouses
union all
select infobase_id, 'company', ref, id, name from onec.companies
union all
select infobase_id, 'contract', ref, null, name from onec.contracts
union all
select infobase_id, 'money_place', ref, null, name from onec.money_places;
