create table sample.outbox (
    id         uuid primary key,
    stream     text not null,
    event      jsonb not null,
    created_at timestamptz not null default now()
);
create table sample.seen (
    id    uuid primary key,
    times int not null default 1
);
