-- Analyses tables of the mirror that have grown to four times what the planner knows of them: a first load
-- fills them long before autovacuum looks at them, and plans that were made for empty tables stay.
create function onec.analyze_grown() returns void
language plpgsql as $$
declare
    grown regclass;
begin
    for grown in
        select c.oid::regclass
        from pg_class c
        where c.oid in ('onec.documents'::regclass, 'onec.document_rows'::regclass,
                        'onec.payment_allocations'::regclass, 'onec.ledger_entries'::regclass,
                        'onec.objects'::regclass)
          and pg_relation_size(c.oid) / current_setting('block_size')::bigint > 4 * c.relpages + 16
    loop
        execute format('analyze %s', grown);
    end loop;
end
$$;

-- The months of changed lines, by an array of documents: as a join, with what the planner knows of a
-- table that is being filled, it compares each document with each line.
create or replace function onec.sales_note_rows() returns trigger
language plpgsql as $$
declare
    base   uuid;
    months timestamp[];
begin
    for base in select distinct infobase_id from changed loop
        select array_agg(distinct date_trunc('month', d.date)) into months
        from onec.documents d
        where d.infobase_id = base and d.entity = 'sale'
          and d.ref = any (array(select distinct c.document from changed c where c.infobase_id = base));
        if months is not null then
            perform onec.sales_lower(base, months);
        end if;
    end loop;
    return null;
end
$$;

create or replace function onec.sales_note_rows_update() returns trigger
language plpgsql as $$
declare
    base   uuid;
    months timestamp[];
begin
    for base in select infobase_id from before union select infobase_id from after loop
        select array_agg(distinct date_trunc('month', d.date)) into months
        from onec.documents d
        where d.infobase_id = base and d.entity = 'sale'
          and d.ref = any (array(
              select document from before where infobase_id = base
              union select document from after where infobase_id = base));
        if months is not null then
            perform onec.sales_lower(base, months);
        end if;
    end loop;
    return null;
end
$$;
