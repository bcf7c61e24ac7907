-- 1C bases that push goods, prices and stocks by CommerceML: what they send, and what is known by it.
-- Goods, units and warehouses are in the tables of the mirror; an exchange is an infobase of kind 'commerceml'.

create table onec.exchanges (
    infobase_id   uuid primary key references onec.infobases (id) on delete cascade,
    login         text not null,
    -- SHA-256 of id and password; the password is 256 random bits.
    password_hash bytea not null,
    created_at    timestamptz not null default now(),
    last_seen_at  timestamptz
);

-- Refused logins by address, so that passwords are not tried out.
create table onec.exchange_refusals (
    infobase_id uuid not null references onec.infobases (id) on delete cascade,
    address     text not null,
    since       timestamptz not null,
    count       int not null,
    primary key (infobase_id, address)
);

create table onec.exchange_sessions (
    id          uuid primary key,
    infobase_id uuid not null references onec.infobases (id) on delete cascade,
    -- SHA-256 of the cookie.
    token_hash  bytea not null unique,
    expires_at  timestamptz not null,
    -- The catalogue or the offers came whole, so that what did not come has ended.
    full_groups bool not null default false,
    full_items  bool not null default false,
    full_prices bool not null default false,
    full_stocks bool not null default false
);
create index exchange_sessions_infobase on onec.exchange_sessions (infobase_id);

create table onec.exchange_files (
    id         uuid primary key,
    infobase_id uuid not null references onec.infobases (id) on delete cascade,
    session_id uuid not null references onec.exchange_sessions (id) on delete cascade,
    name       text not null,
    size       bigint not null default 0,
    -- Of the last part, to see that a part came twice.
    last_hash  bytea,
    -- No more parts are added: it is being imported.
    closed     boolean not null default false,
    created_at timestamptz not null default now()
);
create index exchange_files_session on onec.exchange_files (session_id, name);
create index exchange_files_infobase on onec.exchange_files (infobase_id);

create table onec.exchange_parts (
    file_id  uuid not null references onec.exchange_files (id) on delete cascade,
    -- Place of its first byte in the file.
    start_at bigint not null,
    data     bytea not null,
    primary key (file_id, start_at)
);
-- Archives and pictures do not get smaller.
alter table onec.exchange_parts alter column data set storage external;

create table onec.exchange_imports (
    id          uuid primary key,
    infobase_id uuid not null references onec.infobases (id) on delete cascade,
    session_id  uuid not null,
    file_id     uuid not null,
    -- As 1C names it: of a file, or of a member of an archive.
    name        text not null,
    state       text not null check (state in ('queued', 'running', 'succeeded', 'failed')),
    owner       text,
    lease_until timestamptz,
    attempt     int not null default 0,
    -- Objects read so far.
    done        bigint not null default 0,
    -- What was imported, by kind of object.
    counts      jsonb not null default '{}',
    error_code  text,
    error_text  text,
    created_at  timestamptz not null default now(),
    finished_at timestamptz,
    unique (file_id, name)
);
create index exchange_imports_infobase on onec.exchange_imports (infobase_id, id);
create index exchange_imports_session on onec.exchange_imports (session_id);
create index exchange_imports_waiting on onec.exchange_imports (id) where state in ('queued', 'running');

create table onec.item_properties (
    infobase_id uuid not null references onec.infobases (id) on delete cascade,
    id          text not null,
    name        text not null,
    -- {"id of a value": "value"}
    variants    jsonb not null,
    primary key (infobase_id, id)
);

create table onec.item_details (
    infobase_id uuid not null references onec.infobases (id) on delete cascade,
    item        uuid not null,
    barcode     text not null,
    -- {"name": "value"}
    requisites  jsonb not null,
    properties  jsonb not null,
    primary key (infobase_id, item)
);

create table onec.characteristics (
    infobase_id uuid not null references onec.infobases (id) on delete cascade,
    item        uuid not null,
    ref         uuid not null,
    name        text not null,
    article     text not null,
    deleted     boolean not null,
    generation  uuid not null,
    primary key (infobase_id, item, ref)
);

create table onec.price_types (
    infobase_id  uuid not null references onec.infobases (id) on delete cascade,
    ref          uuid not null,
    name         text not null,
    currency     text not null,
    vat_included boolean,
    deleted      boolean not null,
    generation   uuid not null,
    primary key (infobase_id, ref)
);

-- The nil reference stands for no characteristic, and for all warehouses together.
create table onec.prices (
    infobase_id    uuid not null references onec.infobases (id) on delete cascade,
    item           uuid not null,
    characteristic uuid not null,
    price_type     uuid not null,
    min_quantity   numeric not null,
    price          numeric not null,
    currency       text not null,
    unit           text not null,
    generation     uuid not null,
    primary key (infobase_id, item, characteristic, price_type, min_quantity)
);

create table onec.stock_snapshot (
    infobase_id    uuid not null references onec.infobases (id) on delete cascade,
    item           uuid not null,
    characteristic uuid not null,
    warehouse      uuid not null,
    quantity       numeric not null,
    generation     uuid not null,
    primary key (infobase_id, item, characteristic, warehouse)
);
