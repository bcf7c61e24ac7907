-- The mirror of 1C infobases. Rows keep the references of 1C (`ref`); what other services point to
-- has an id of our own as well. Dates of 1C are naive local times of the infobase and stay so here:
-- a day of the books is a day there. Codes and names are trimmed; empty references are null.

create extension if not exists pg_trgm;

create table onec.infobases (
    id               uuid primary key,
    name             text not null,
    -- Root of the OData service, with a slash at its end.
    base_url         text not null unique,
    username         text not null,
    -- AES-256-GCM: nonce, ciphertext and tag.
    password         bytea not null,
    time_zone        text not null,
    from_environment boolean not null default false,
    profile          text,
    -- When the first synchronisation ended: before, the mirror is not whole.
    mirrored_at      timestamptz,
    -- What the last call of 1C told; null before the first.
    reachable        boolean,
    attempted_at     timestamptz,
    error_code       text,
    created_at       timestamptz not null default now()
);

create table onec.companies (
    id           uuid primary key,
    infobase_id  uuid not null references onec.infobases (id) on delete cascade,
    ref          uuid not null,
    data_version text not null,
    deleted      boolean not null,
    code         text not null,
    name         text not null,
    full_name    text not null,
    inn          text not null,
    kpp          text not null,
    ogrn         text not null,
    search_name  text not null,
    generation   uuid not null,
    unique (infobase_id, ref)
);

create table onec.counterparties (
    id           uuid primary key,
    infobase_id  uuid not null references onec.infobases (id) on delete cascade,
    ref          uuid not null,
    data_version text not null,
    deleted      boolean not null,
    is_folder    boolean not null,
    parent       uuid,
    code         text not null,
    name         text not null,
    full_name    text not null,
    inn          text not null,
    kpp          text not null,
    legal_form   text not null,
    -- [{"kind": …, "text": …}]
    contacts     jsonb not null,
    search_name  text not null,
    generation   uuid not null,
    unique (infobase_id, ref)
);

create table onec.contracts (
    infobase_id  uuid not null references onec.infobases (id) on delete cascade,
    ref          uuid not null,
    data_version text not null,
    deleted      boolean not null,
    owner        uuid,
    company      uuid,
    name         text not null,
    number       text not null,
    date         timestamp,
    kind         text not null,
    -- Days to pay; 0 when the contract sets none.
    term_days    int not null,
    generation   uuid not null,
    primary key (infobase_id, ref)
);
create index contracts_owner on onec.contracts (infobase_id, owner);

create table onec.items (
    id           uuid primary key,
    infobase_id  uuid not null references onec.infobases (id) on delete cascade,
    ref          uuid not null,
    data_version text not null,
    deleted      boolean not null,
    is_folder    boolean not null,
    parent       uuid,
    code         text not null,
    name         text not null,
    full_name    text not null,
    article      text not null,
    unit         uuid,
    search_name  text not null,
    generation   uuid not null,
    unique (infobase_id, ref)
);
create index items_parent on onec.items (infobase_id, parent);

create table onec.units (
    infobase_id  uuid not null references onec.infobases (id) on delete cascade,
    ref          uuid not null,
    data_version text not null,
    deleted      boolean not null,
    code         text not null,
    name         text not null,
    generation   uuid not null,
    primary key (infobase_id, ref)
);

create table onec.warehouses (
    id           uuid primary key,
    infobase_id  uuid not null references onec.infobases (id) on delete cascade,
    ref          uuid not null,
    data_version text not null,
    deleted      boolean not null,
    is_folder    boolean not null,
    parent       uuid,
    code         text not null,
    name         text not null,
    search_name  text not null,
    generation   uuid not null,
    unique (infobase_id, ref)
);

create table onec.managers (
    id           uuid primary key,
    infobase_id  uuid not null references onec.infobases (id) on delete cascade,
    ref          uuid not null,
    data_version text not null,
    deleted      boolean not null,
    code         text not null,
    name         text not null,
    search_name  text not null,
    generation   uuid not null,
    unique (infobase_id, ref)
);

-- Bank accounts and cash desks: where money is.
create table onec.money_places (
    infobase_id  uuid not null references onec.infobases (id) on delete cascade,
    ref          uuid not null,
    data_version text not null,
    deleted      boolean not null,
    kind         text not null check (kind in ('bank_account', 'cash_desk')),
    owner        uuid,
    code         text not null,
    name         text not null,
    number       text not null,
    generation   uuid not null,
    primary key (infobase_id, ref)
);

create table onec.accounts (
    infobase_id  uuid not null references onec.infobases (id) on delete cascade,
    ref          uuid not null,
    data_version text not null,
    deleted      boolean not null,
    parent       uuid,
    code         text not null,
    name         text not null,
    nature       text not null,
    generation   uuid not null,
    primary key (infobase_id, ref)
);

create table onec.documents (
    infobase_id  uuid not null references onec.infobases (id) on delete cascade,
    ref          uuid not null,
    -- Which documents of the profile: sale, purchase, bank_in, …
    entity       text not null,
    data_version text not null,
    deleted      boolean not null,
    posted       boolean not null,
    number       text not null,
    date         timestamp not null,
    company      uuid,
    -- A counterparty, an employee or nobody.
    counterparty uuid,
    contract     uuid,
    warehouse    uuid,
    manager      uuid,
    place        uuid,
    operation    text not null,
    amount       numeric,
    vat_included boolean not null,
    purpose      text not null,
    comment      text not null,
    primary key (infobase_id, ref)
);
create index documents_entity_date on onec.documents (infobase_id, entity, date);
create index documents_date on onec.documents (infobase_id, date);
create index documents_number on onec.documents (infobase_id, lower(number));

create table onec.document_rows (
    infobase_id uuid not null,
    document    uuid not null,
    -- Which tabular part of the profile, counted from 0.
    part        smallint not null,
    line        int not null,
    item        uuid,
    quantity    numeric,
    price       numeric,
    amount      numeric,
    vat         numeric,
    cost        numeric,
    primary key (infobase_id, document, part, line),
    foreign key (infobase_id, document) references onec.documents (infobase_id, ref) on delete cascade
);

create table onec.payment_allocations (
    infobase_id uuid not null,
    document    uuid not null,
    line        int not null,
    contract    uuid,
    -- The document that is paid for; null for an advance.
    settles     uuid,
    amount      numeric,
    primary key (infobase_id, document, line),
    foreign key (infobase_id, document) references onec.documents (infobase_id, ref) on delete cascade
);

-- Entries of the double-entry ledger. The analytics (субконто) are kept by what they refer to, so
-- that their order in the chart of accounts does not matter.
create table onec.ledger_entries (
    infobase_id         uuid not null references onec.infobases (id) on delete cascade,
    recorder            uuid not null,
    line                int not null,
    recorder_type       text not null,
    period              timestamp not null,
    company             uuid,
    debit_account       uuid,
    credit_account      uuid,
    debit_counterparty  uuid,
    debit_contract      uuid,
    debit_document      uuid,
    debit_item          uuid,
    debit_warehouse     uuid,
    debit_place         uuid,
    credit_counterparty uuid,
    credit_contract     uuid,
    credit_document     uuid,
    credit_item         uuid,
    credit_warehouse    uuid,
    credit_place        uuid,
    amount              numeric not null,
    debit_quantity      numeric,
    credit_quantity     numeric,
    content             text not null,
    primary key (infobase_id, recorder, line)
);
create index ledger_period on onec.ledger_entries (infobase_id, period);
create index ledger_debit on onec.ledger_entries (infobase_id, debit_account, period);
create index ledger_credit on onec.ledger_entries (infobase_id, credit_account, period);

-- Both sides of every entry, as balances need them.
create view onec.ledger_sides as
select infobase_id, period, recorder, line, company, debit_account as account,
       debit_counterparty as counterparty, debit_contract as contract, debit_document as document,
       debit_item as item, debit_warehouse as warehouse, debit_place as place,
       amount as debit, 0::numeric as credit, coalesce(debit_quantity, 0) as quantity
from onec.ledger_entries
where debit_account is not null
union all
select infobase_id, period, recorder, line, company, credit_account,
       credit_counterparty, credit_contract, credit_document,
       credit_item, credit_warehouse, credit_place,
       0::numeric, amount, -coalesce(credit_quantity, 0)
from onec.ledger_entries
where credit_account is not null;

-- How fresh each part of a mirror is: everything 1C had at that moment is in it.
create table onec.freshness (
    infobase_id uuid not null references onec.infobases (id) on delete cascade,
    entity      text not null,
    as_of       timestamptz not null,
    primary key (infobase_id, entity)
);

create table onec.sync_jobs (
    id           uuid primary key,
    infobase_id  uuid not null references onec.infobases (id) on delete cascade,
    -- A full job reads everything, an incremental one what may have changed.
    full_read    boolean not null,
    state        text not null check (state in ('queued', 'running', 'succeeded', 'failed', 'cancelled')),
    requested_by uuid,
    -- The replica that runs the job, until when it may be silent, and how many times the job was taken.
    owner        text,
    lease_until  timestamptz,
    attempt      int not null default 0,
    rows         bigint not null default 0,
    error_code   text,
    created_at   timestamptz not null default now(),
    started_at   timestamptz,
    finished_at  timestamptz
);
create unique index sync_jobs_one_active on onec.sync_jobs (infobase_id) where state in ('queued', 'running');
create index sync_jobs_infobase on onec.sync_jobs (infobase_id, id);

create table onec.sync_progress (
    job_id     uuid not null references onec.sync_jobs (id) on delete cascade,
    entity     text not null,
    ordinal    int not null,
    state      text not null check (state in ('waiting', 'running', 'done')),
    done       bigint not null default 0,
    total      bigint,
    -- Where to go on; what it holds depends on the kind of entity.
    position   jsonb,
    started_at timestamptz,
    primary key (job_id, entity)
);

create table onec.outbox (
    id         uuid primary key,
    stream     text not null,
    event      jsonb not null,
    created_at timestamptz not null default now()
);

-- Accounts with these codes and their sub-accounts.
create function onec.accounts_under(infobase uuid, codes text[])
returns table (ref uuid, code text, name text)
language sql stable as $$
    select a.ref, a.code, a.name
    from onec.accounts a
    where a.infobase_id = infobase
      and exists (select 1 from unnest(codes) as wanted where a.code = wanted or a.code like wanted || '.%')
$$;

-- Balances (debit less credit) before a moment, by account and analytics; of the companies in
-- `scope`, or all. `live` holds rows that 1C computed itself, as JSON, instead of the mirror's.
create function onec.balances(infobase uuid, codes text[], before timestamp, scope uuid[], live text)
returns table (
    account uuid, code text, name text, company uuid, counterparty uuid, contract uuid, document uuid,
    item uuid, warehouse uuid, place uuid, amount numeric, quantity numeric
)
language sql stable as $$
    select a.ref, a.code, a.name, s.company, s.counterparty, s.contract, s.document,
           s.item, s.warehouse, s.place, sum(s.amount), sum(s.quantity)
    from onec.accounts_under(infobase, codes) a
    join (
        select m.account, m.company, m.counterparty, m.contract, m.document, m.item, m.warehouse, m.place,
               m.debit - m.credit as amount, m.quantity
        from onec.ledger_sides m
        where live is null and m.infobase_id = infobase and m.period < before
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

-- Opening balance and turnovers of accounts in a period: from, and before `until`.
create function onec.turnovers(
    infobase uuid, codes text[], since timestamp, until timestamp, scope uuid[], live text)
returns table (account uuid, code text, name text, opening numeric, debit numeric, credit numeric)
language sql stable as $$
    select a.ref, a.code, a.name, sum(s.opening), sum(s.debit), sum(s.credit)
    from onec.accounts_under(infobase, codes) a
    join (
        select m.account, m.company,
               case when m.period < since then m.debit - m.credit else 0 end as opening,
               case when m.period >= since then m.debit else 0 end as debit,
               case when m.period >= since then m.credit else 0 end as credit
        from onec.ledger_sides m
        where live is null and m.infobase_id = infobase and m.period < until
        union all
        select l.account, l.company, l.opening, l.debit, l.credit
        from json_to_recordset(coalesce(live, '[]')::json) as l (
            account uuid, company uuid, opening numeric, debit numeric, credit numeric)
    ) s on s.account = a.ref
    where scope is null or s.company = any (scope)
    group by 1, 2, 3
$$;
