-- Sales in a row each: a document and an item, with what it was sold for and what it has cost. What
-- a report of sales would put together from documents, their lines and the ledger is put together
-- once, month by month, like totals.
--
-- A month that is not right is taken from the rows themselves, so that reports are right at every
-- moment.

-- The accounts by which the cost of sales was found. Others make every month wrong.
create table onec.sales_accounts (
    infobase_id uuid primary key references onec.infobases (id) on delete cascade,
    cost        text[] not null,
    sold        text[] not null
);

-- Months with sales or entries. Whoever changes a row here holds the one of the infobase in
-- `totals_state`.
create table onec.sales_months (
    infobase_id uuid not null references onec.infobases (id) on delete cascade,
    month       timestamp not null,
    is_right    boolean not null,
    primary key (infobase_id, month)
);

create table onec.sales_items (
    infobase_id  uuid not null references onec.infobases (id) on delete cascade,
    date         timestamp not null,
    -- The sale; null where a cost is not of an item in it.
    document     uuid,
    company      uuid,
    counterparty uuid,
    manager      uuid,
    warehouse    uuid,
    item         uuid,
    quantity     numeric not null,
    revenue      numeric not null,
    vat          numeric not null,
    cost         numeric not null
);
create index sales_items_date on onec.sales_items (infobase_id, date);

-- The same without items.
create table onec.sales_documents (
    infobase_id  uuid not null references onec.infobases (id) on delete cascade,
    date         timestamp not null,
    document     uuid,
    company      uuid,
    counterparty uuid,
    manager      uuid,
    warehouse    uuid,
    quantity     numeric not null,
    revenue      numeric not null,
    vat          numeric not null,
    cost         numeric not null
);
create index sales_documents_date on onec.sales_documents (infobase_id, date);

-- Waits for a computation at work, and makes the next one wait for what is being written.
create function onec.sales_lock(infobase uuid) returns void
language sql as $$
    insert into onec.totals_state as state (infobase_id, valid_until)
    -- Nothing for an infobase that is being removed.
    select i.id, '-infinity' from onec.infobases i where i.id = infobase
    on conflict (infobase_id) do update set valid_until = state.valid_until
$$;

create function onec.sales_lower(infobase uuid, months timestamp[]) returns void
language sql as $$
    select onec.sales_lock(infobase);
    insert into onec.sales_months as m (infobase_id, month, is_right)
    select i.id, month, false
    from onec.infobases i, (select distinct unnest(months) as month) changed
    where i.id = infobase and month is not null
    on conflict (infobase_id, month) do update set is_right = false where m.is_right
$$;

-- Documents: the months of sales, and those of the entries of any.
create function onec.sales_note_documents() returns trigger
language plpgsql as $$
begin
    perform onec.sales_lower(infobase_id, array_agg(month))
    from (
        select infobase_id, date_trunc('month', date) as month from changed where entity = 'sale'
        union
        select e.infobase_id, date_trunc('month', e.period)
        from changed c join onec.ledger_entries e on e.infobase_id = c.infobase_id and e.recorder = c.ref
    ) months
    group by infobase_id;
    return null;
end
$$;

create function onec.sales_note_documents_update() returns trigger
language plpgsql as $$
begin
    perform onec.sales_lower(infobase_id, array_agg(month))
    from (
        select infobase_id, date_trunc('month', date) as month
        from (select infobase_id, date, entity from before union all
              select infobase_id, date, entity from after) changed
        where entity = 'sale'
        union
        select e.infobase_id, date_trunc('month', e.period)
        from (select infobase_id, ref from before union select infobase_id, ref from after) c
        join onec.ledger_entries e on e.infobase_id = c.infobase_id and e.recorder = c.ref
    ) months
    group by infobase_id;
    return null;
end
$$;

-- Lines: those of a removed document are noted with it.
create function onec.sales_note_rows() returns trigger
language plpgsql as $$
begin
    perform onec.sales_lower(d.infobase_id, array_agg(distinct date_trunc('month', d.date)))
    from (select distinct infobase_id, document from changed) c
    join onec.documents d on d.infobase_id = c.infobase_id and d.ref = c.document
    where d.entity = 'sale'
    group by d.infobase_id;
    return null;
end
$$;

create function onec.sales_note_rows_update() returns trigger
language plpgsql as $$
begin
    perform onec.sales_lower(d.infobase_id, array_agg(distinct date_trunc('month', d.date)))
    from (select infobase_id, document from before union select infobase_id, document from after) c
    join onec.documents d on d.infobase_id = c.infobase_id and d.ref = c.document
    where d.entity = 'sale'
    group by d.infobase_id;
    return null;
end
$$;

create function onec.sales_note_entries() returns trigger
language plpgsql as $$
begin
    perform onec.sales_lower(infobase_id, array_agg(distinct date_trunc('month', period)))
    from changed group by infobase_id;
    return null;
end
$$;

create function onec.sales_note_entries_update() returns trigger
language plpgsql as $$
begin
    perform onec.sales_lower(infobase_id, array_agg(distinct date_trunc('month', period)))
    from (select infobase_id, period from before union all select infobase_id, period from after) changed
    group by infobase_id;
    return null;
end
$$;

-- Accounts: another code may make an account one of cost, or not.
create function onec.sales_note_accounts() returns trigger
language plpgsql as $$
begin
    perform onec.sales_lower(c.infobase_id, array_agg(m.month))
    from (select distinct infobase_id from changed) c
    join onec.sales_months m on m.infobase_id = c.infobase_id
    group by c.infobase_id;
    return null;
end
$$;

create function onec.sales_note_accounts_update() returns trigger
language plpgsql as $$
begin
    perform onec.sales_lower(c.infobase_id, array_agg(m.month))
    from (
        (select infobase_id, ref, code from before except select infobase_id, ref, code from after)
        union
        (select infobase_id, ref, code from after except select infobase_id, ref, code from before)
    ) c
    join onec.sales_months m on m.infobase_id = c.infobase_id
    group by c.infobase_id;
    return null;
end
$$;

create function onec.sales_forget() returns trigger
language plpgsql as $$
begin
    perform onec.sales_lower(infobase_id, array_agg(month)) from onec.sales_months group by infobase_id;
    return null;
end
$$;

create trigger sales_insert after insert on onec.documents
    referencing new table as changed for each statement execute function onec.sales_note_documents();
create trigger sales_delete after delete on onec.documents
    referencing old table as changed for each statement execute function onec.sales_note_documents();
create trigger sales_update after update on onec.documents
    referencing old table as before new table as after
    for each statement execute function onec.sales_note_documents_update();
create trigger sales_truncate after truncate on onec.documents
    for each statement execute function onec.sales_forget();
create trigger sales_insert after insert on onec.document_rows
    referencing new table as changed for each statement execute function onec.sales_note_rows();
create trigger sales_delete after delete on onec.document_rows
    referencing old table as changed for each statement execute function onec.sales_note_rows();
create trigger sales_update after update on onec.document_rows
    referencing old table as before new table as after
    for each statement execute function onec.sales_note_rows_update();
create trigger sales_truncate after truncate on onec.document_rows
    for each statement execute function onec.sales_forget();
create trigger sales_insert after insert on onec.ledger_entries
    referencing new table as changed for each statement execute function onec.sales_note_entries();
create trigger sales_delete after delete on onec.ledger_entries
    referencing old table as changed for each statement execute function onec.sales_note_entries();
create trigger sales_update after update on onec.ledger_entries
    referencing old table as before new table as after
    for each statement execute function onec.sales_note_entries_update();
create trigger sales_truncate after truncate on onec.ledger_entries
    for each statement execute function onec.sales_forget();
create trigger sales_insert after insert on onec.accounts
    referencing new table as changed for each statement execute function onec.sales_note_accounts();
create trigger sales_delete after delete on onec.accounts
    referencing old table as changed for each statement execute function onec.sales_note_accounts();
create trigger sales_update after update on onec.accounts
    referencing old table as before new table as after
    for each statement execute function onec.sales_note_accounts_update();

-- What is there already.
insert into onec.sales_months
select infobase_id, date_trunc('month', date), false from onec.documents where entity = 'sale' group by 1, 2
union
select infobase_id, date_trunc('month', period), false from onec.ledger_entries group by 1, 2;

-- Sales of a span from the rows themselves: lines of posted sales, and what the ledger has written
-- off to the cost of sales. Corrections that no sale has made have an item but no customer.
-- `sale` is the document of a cost, too, where both are of one moment.
create function onec.sales_rows(infobase uuid, since timestamp, until timestamp, cost_of text[], sold_of text[])
returns table (
    date timestamp, sale uuid, is_line boolean, company uuid, counterparty uuid, manager uuid,
    warehouse uuid, item uuid, quantity numeric, revenue numeric, vat numeric, cost numeric
)
language sql stable as $$
    select d.date, d.ref, true, d.company, d.counterparty, d.manager, d.warehouse, r.item,
           coalesce(r.quantity, 0),
           coalesce(r.amount, 0) + case when d.vat_included then 0 else coalesce(r.vat, 0) end,
           coalesce(r.vat, 0), 0::numeric
    from onec.documents d
    join onec.document_rows r on r.infobase_id = d.infobase_id and r.document = d.ref
    where d.infobase_id = infobase and d.entity = 'sale' and d.posted and not d.deleted
      and d.date >= since and d.date < until
    union all
    select e.period, case when d.entity = 'sale' and d.date = e.period then d.ref end, false,
           coalesce(d.company, e.company), d.counterparty, d.manager, d.warehouse,
           e.credit_item, 0, 0, 0, e.amount
    from onec.ledger_entries e
    left join onec.documents d on d.infobase_id = e.infobase_id and d.ref = e.recorder
    where e.infobase_id = infobase and e.period >= since and e.period < until
      and e.debit_account = any (array(select ref from onec.accounts_under(infobase, cost_of)))
      and e.credit_account = any (array(select ref from onec.accounts_under(infobase, sold_of)))
      and (d.ref is null or (d.posted and not d.deleted))
$$;

-- Computes the sales of a month that waits; false when none does.
create function onec.sales_advance(infobase uuid, cost_of text[], sold_of text[]) returns boolean
language plpgsql as $$
declare
    next timestamp;
begin
    perform onec.sales_lock(infobase);
    if not exists (select 1 from onec.sales_accounts a
                   where a.infobase_id = infobase and a.cost = cost_of and a.sold = sold_of) then
        update onec.sales_months set is_right = false where infobase_id = infobase and is_right;
        insert into onec.sales_accounts values (infobase, cost_of, sold_of)
        on conflict (infobase_id) do update set cost = excluded.cost, sold = excluded.sold;
    end if;
    -- The latest first: it is asked for most.
    select max(month) into next from onec.sales_months where infobase_id = infobase and not is_right;
    if next is null then
        return false;
    end if;
    delete from onec.sales_items
    where infobase_id = infobase and date >= next and date < next + interval '1 month';
    delete from onec.sales_documents
    where infobase_id = infobase and date >= next and date < next + interval '1 month';
    insert into onec.sales_items
    select infobase, r.date, case when bool_or(r.is_line) then r.sale end, r.company, r.counterparty,
           r.manager, r.warehouse, r.item, sum(r.quantity), sum(r.revenue), sum(r.vat), sum(r.cost)
    from onec.sales_rows(infobase, next, next + interval '1 month', cost_of, sold_of) r
    group by r.date, r.sale, r.company, r.counterparty, r.manager, r.warehouse, r.item
    order by r.date;
    insert into onec.sales_documents
    select infobase, s.date, s.document, s.company, s.counterparty, s.manager, s.warehouse,
           sum(s.quantity), sum(s.revenue), sum(s.vat), sum(s.cost)
    from onec.sales_items s
    where s.infobase_id = infobase and s.date >= next and s.date < next + interval '1 month'
    group by s.date, s.document, s.company, s.counterparty, s.manager, s.warehouse
    order by s.date;
    update onec.sales_months set is_right = true where infobase_id = infobase and month = next;
    return true;
end
$$;

-- Months of a span that are right, and those parts of them that are in it.
create function onec.sales_right(
    infobase uuid, since timestamp, until timestamp, cost_of text[], sold_of text[])
returns table (month timestamp, since timestamp, until timestamp)
language sql stable as $$
    select m.month, greatest(m.month, $2), least(m.month + interval '1 month', $3)
    from onec.sales_months m join onec.sales_accounts a on a.infobase_id = m.infobase_id
    where m.infobase_id = $1 and m.is_right and m.month >= date_trunc('month', $2) and m.month < $3
      and a.cost = $4 and a.sold = $5
$$;

-- What lies between them.
create function onec.sales_gaps(
    infobase uuid, since timestamp, until timestamp, cost_of text[], sold_of text[])
returns table (since timestamp, until timestamp)
language sql stable as $$
    select *
    from (
        select greatest($2, coalesce(lag(ends) over (order by begins, ends), $2)) as since,
               least(begins, $3) as until
        from (
            select r.month as begins, r.month + interval '1 month' as ends
            from onec.sales_right($1, $2, $3, $4, $5) r
            union all
            select $3, 'infinity'
        ) months
    ) gaps
    where gaps.since < gaps.until
$$;

-- Sales of a span: from, and before `until`; with `by_item` by item, or else with no item, and
-- then a document in one row. Where it is null, there is a cost only.
create function onec.sales(
    infobase uuid, since timestamp, until timestamp, cost_of text[], sold_of text[], by_item boolean)
returns table (
    date timestamp, document uuid, company uuid, counterparty uuid, manager uuid, warehouse uuid,
    item uuid, quantity numeric, revenue numeric, vat numeric, cost numeric
)
language sql stable as $$
    select s.date, s.document, s.company, s.counterparty, s.manager, s.warehouse, s.item,
           s.quantity, s.revenue, s.vat, s.cost
    from onec.sales_right($1, $2, $3, $4, $5) m
    join onec.sales_items s on s.infobase_id = $1 and s.date >= m.since and s.date < m.until
    where $6
    union all
    select s.date, s.document, s.company, s.counterparty, s.manager, s.warehouse, null::uuid,
           s.quantity, s.revenue, s.vat, s.cost
    from onec.sales_right($1, $2, $3, $4, $5) m
    join onec.sales_documents s on s.infobase_id = $1 and s.date >= m.since and s.date < m.until
    where not $6
    union all
    select s.date, s.document, s.company, s.counterparty, s.manager, s.warehouse, s.item,
           s.quantity, s.revenue, s.vat, s.cost
    from onec.sales_gaps($1, $2, $3, $4, $5) g
    -- One gap after the other, each by the indices.
    cross join lateral (
        select r.date, case when r.is_line then r.sale end as document, r.company, r.counterparty,
               r.manager, r.warehouse, case when $6 then r.item end as item, sum(r.quantity) as quantity,
               sum(r.revenue) as revenue, sum(r.vat) as vat, sum(r.cost) as cost
        from onec.sales_rows($1, g.since, g.until, $4, $5) r
        group by 1, 2, 3, 4, 5, 6, 7
        offset 0
    ) s
$$;

-- How many entries there are between two accounts: a card of an account shows the first of them and
-- tells how many there are. Totals that do not know it are computed again.
alter table onec.totals_correspondence add column entries bigint;
update onec.totals_state set valid_until = '-infinity';

-- Computes the totals of the next month that waits; false when none does. One month at a time, so
-- that nobody waits long for the lock.
create or replace function onec.totals_advance(infobase uuid) returns boolean
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
        (infobase_id, month, debit_account, credit_account, company, amount, entries)
    select infobase, next, debit_account, credit_account, company, sum(amount), count(*)
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

-- How many entries there are in a span on one side or both of accounts with these codes.
create function onec.entry_count(
    infobase uuid, codes text[], since timestamp, until timestamp, scope uuid[])
returns bigint
language sql stable as $$
    select coalesce(sum(s.entries), 0)::bigint
    from (
        select t.debit_account, t.credit_account, t.company, t.entries
        from onec.totals_correspondence t
        where t.infobase_id = infobase and t.month >= onec.totals_begin(since)
          and t.month < (select onec.totals_end(infobase, until))
        union all
        select e.debit_account, e.credit_account, e.company, 1
        from onec.ledger_entries e
        where e.infobase_id = infobase and e.period >= (select since)
          and e.period < (select least(onec.totals_begin(since), until))
        union all
        select e.debit_account, e.credit_account, e.company, 1
        from onec.ledger_entries e
        where e.infobase_id = infobase and e.period < (select until)
          and e.period >= (select greatest(onec.totals_begin(since), onec.totals_end(infobase, until)))
    ) s
    where (s.debit_account = any (array(select ref from onec.accounts_under(infobase, codes)))
           or s.credit_account = any (array(select ref from onec.accounts_under(infobase, codes))))
      and (scope is null or s.company = any (scope))
$$;
