-- A first load at the rate at which 1C answers.
--
-- Half of what PostgreSQL did for a first load was looking up, for every single row, whether its infobase
-- or its document was there. The service knows: rows are written in the transaction that holds the
-- job of the infobase, and lines together with their document. What a foreign key did when a
-- row was removed is done for all rows of a statement at once.

alter table onec.documents drop constraint documents_infobase_id_fkey;
alter table onec.document_rows drop constraint document_rows_infobase_id_document_fkey;
alter table onec.payment_allocations drop constraint payment_allocations_infobase_id_document_fkey;
alter table onec.ledger_entries drop constraint ledger_entries_infobase_id_fkey;
alter table onec.objects drop constraint objects_infobase_id_fkey;
alter table onec.totals_balances drop constraint totals_balances_infobase_id_fkey;
alter table onec.totals_turnovers drop constraint totals_turnovers_infobase_id_fkey;
alter table onec.totals_correspondence drop constraint totals_correspondence_infobase_id_fkey;
alter table onec.sales_items drop constraint sales_items_infobase_id_fkey;
alter table onec.sales_documents drop constraint sales_documents_infobase_id_fkey;

-- By an array, so that the primary keys serve, whatever the planner knows of the tables.
create function onec.documents_removed() returns trigger
language plpgsql as $$
declare
    base uuid;
    gone uuid[];
begin
    for base, gone in select infobase_id, array_agg(ref) from removed group by infobase_id loop
        delete from onec.document_rows where infobase_id = base and document = any (gone);
        delete from onec.payment_allocations where infobase_id = base and document = any (gone);
    end loop;
    return null;
end
$$;

create function onec.documents_truncated() returns trigger
language plpgsql as $$
begin
    truncate onec.document_rows, onec.payment_allocations;
    return null;
end
$$;

create trigger documents_removed after delete on onec.documents
    referencing old table as removed for each statement execute function onec.documents_removed();
create trigger documents_truncated after truncate on onec.documents
    for each statement execute function onec.documents_truncated();

-- Whoever writes such rows holds the row of the infobase in `sync_jobs` or in `totals_state`, which the
-- deletion waits for before it comes here, and does not find any more afterwards.
create function onec.infobases_removed() returns trigger
language plpgsql as $$
begin
    delete from onec.documents where infobase_id in (select id from removed);
    delete from onec.ledger_entries where infobase_id in (select id from removed);
    delete from onec.objects where infobase_id in (select id from removed);
    delete from onec.totals_balances where infobase_id in (select id from removed);
    delete from onec.totals_turnovers where infobase_id in (select id from removed);
    delete from onec.totals_correspondence where infobase_id in (select id from removed);
    delete from onec.sales_items where infobase_id in (select id from removed);
    delete from onec.sales_documents where infobase_id in (select id from removed);
    return null;
end
$$;

create trigger infobases_removed after delete on onec.infobases
    referencing old table as removed for each statement execute function onec.infobases_removed();

-- As before, and from the tables above.
create or replace function onec.delete_rows(infobase uuid, most int) returns int language plpgsql as $$
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
        union
        select t.name, 'infobase_id'
        from unnest(array[
            'onec.document_rows', 'onec.payment_allocations', 'onec.documents', 'onec.ledger_entries',
            'onec.objects', 'onec.totals_balances', 'onec.totals_turnovers', 'onec.totals_correspondence',
            'onec.sales_items', 'onec.sales_documents']::regclass[]) as t (name)
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

-- Nothing is looked for in whole objects: to analyse them is to unpack thousands of them.
alter table onec.objects alter column payload set statistics 0;

-- Indices that a first load does without, to be built from sorted rows at its end: that takes a third
-- of the time. Their definitions wait here, so that nothing is lost with the process that
-- dropped them.
create table onec.deferred_indexes (
    name       text primary key,
    definition text not null
);

-- Drops the indices that only reports need, while nobody has any rows. Not those in the order in which
-- a load writes, which cost nothing and which it needs itself. False when they are in use.
create function onec.defer_indexes() returns boolean
language plpgsql as $$
declare
    dropped record;
begin
    if exists (select 1 from onec.documents) or exists (select 1 from onec.ledger_entries) then
        return false;
    end if;
    perform set_config('lock_timeout', '2s', true);
    lock table onec.documents, onec.ledger_entries in access exclusive mode;
    if exists (select 1 from onec.documents) or exists (select 1 from onec.ledger_entries) then
        return false;
    end if;
    for dropped in
        select c.oid::regclass as name, c.relname, pg_get_indexdef(c.oid) as definition
        from pg_index i join pg_class c on c.oid = i.indexrelid
        where i.indrelid in ('onec.documents'::regclass, 'onec.ledger_entries'::regclass)
          and not i.indisunique and c.relname not in ('documents_entity_date', 'ledger_period')
    loop
        insert into onec.deferred_indexes (name, definition) values (dropped.relname, dropped.definition);
        execute format('drop index %s', dropped.name);
    end loop;
    return true;
exception
    when lock_not_available then
        return false;
end
$$;

-- Builds an index that waits; false when none does, or others are building the last of them. One
-- at a time, so that no other infobase waits for more than one.
create function onec.restore_index() returns boolean
language plpgsql as $$
declare
    waiting record;
begin
    select name, definition into waiting
    from onec.deferred_indexes order by name limit 1 for update skip locked;
    if not found then
        return false;
    end if;
    execute replace(waiting.definition, 'CREATE INDEX ', 'CREATE INDEX IF NOT EXISTS ');
    delete from onec.deferred_indexes where name = waiting.name;
    return true;
end
$$;

-- As before, but sixteen times: analysing costs as much as writing a page or two, and no foreign key is
-- looked up by its plans any more. Of several who come at once one does it.
create or replace function onec.analyze_grown() returns void
language plpgsql as $$
declare
    grown regclass;
begin
    if not pg_try_advisory_xact_lock(hashtextextended('onec.analyze_grown', 0)) then
        return;
    end if;
    for grown in
        select c.oid::regclass
        from pg_class c
        where c.oid in ('onec.documents'::regclass, 'onec.document_rows'::regclass,
                        'onec.payment_allocations'::regclass, 'onec.ledger_entries'::regclass,
                        'onec.objects'::regclass)
          and pg_relation_size(c.oid) / current_setting('block_size')::bigint > 16 * c.relpages + 64
    loop
        execute format('analyze %s', grown);
    end loop;
end
$$;

-- Computes the totals of the next month that waits and ends by then; false when none does. So a load in the
-- order of time has totals of what it has read while 1C is asked for more.
create function onec.totals_advance_until(infobase uuid, until timestamp) returns boolean
language plpgsql as $$
begin
    if exists (select 1
               from onec.totals_state s
               where s.infobase_id = infobase
                 and (select date_trunc('month', min(e.period)) + interval '1 month'
                      from onec.ledger_entries e
                      where e.infobase_id = infobase and e.period >= s.valid_until) <= until) then
        return onec.totals_advance(infobase);
    end if;
    return false;
end
$$;

-- As before, without sorting the entries.
create or replace function onec.sales_note_entries() returns trigger
language plpgsql as $$
begin
    perform onec.sales_lower(infobase_id, array_agg(month))
    from (select distinct infobase_id, date_trunc('month', period) as month from changed) months
    group by infobase_id;
    return null;
end
$$;
