-- Analyses tables of the mirror that have grown to twice what the planner knows of them: a first load
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
          and pg_relation_size(c.oid) / current_setting('block_size')::bigint > 2 * c.relpages + 16
    loop
        execute format('analyze %s', grown);
    end loop;
end
$$;
