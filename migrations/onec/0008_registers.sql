-- Configurations without a double-entry ledger: movements of registers of accumulation stand in for
-- it, as one-sided entries of accounts that the profile names.

-- Which register of the profile an entry is of; 0 is the ledger. Lines of registers are counted from
-- ten million times their number, so that a document may write into several.
alter table onec.ledger_entries
    add column register smallint not null generated always as ((line / 10000000)::smallint) stored;
create index ledger_register on onec.ledger_entries (infobase_id, register, period) where register <> 0;

-- Keys of analytics: what a movement's key stands for.
create table onec.analytics_keys (
    infobase_id  uuid not null references onec.infobases (id) on delete cascade,
    ref          uuid not null,
    kind         text not null check (kind in ('settlement_key', 'item_key')),
    data_version text not null,
    deleted      boolean not null,
    code         text not null,
    name         text not null,
    company      uuid,
    counterparty uuid,
    contract     uuid,
    item         uuid,
    warehouse    uuid,
    generation   uuid not null,
    primary key (infobase_id, ref)
);
