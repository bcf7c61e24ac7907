-- Another text for each state of an infobase's mirror; null before the first synchronisation ended. As
-- long as it is the same, so is what reports of one day tell. A run that found nothing new leaves it.
create function onec.mirror_version(base uuid) returns text
language sql stable
begin atomic
    select md5(concat_ws('|', i.name, i.profile, i.time_zone,
        coalesce(
            (select j.id || ':' || j.rows || ':' || j.done
             from onec.sync_jobs j
             where j.infobase_id = i.id
               and (j.mode is distinct from 'incremental' or j.rows > 0
                    -- Where 1C tells of changes, each is one; otherwise objects are compared.
                    or j.done > 0 and exists (select from onec.change_points p where p.infobase_id = i.id))
             order by j.id desc
             limit 1),
            (select string_agg(f.entity || extract(epoch from f.as_of), ',' order by f.entity)
             from onec.freshness f
             where f.infobase_id = i.id)),
        (select e.id || ':' || e.state || ':' || e.done
         from onec.exchange_imports e
         where e.infobase_id = i.id
         order by e.id desc
         limit 1)))
    from onec.infobases i
    where i.id = base and i.mirrored_at is not null;
end;
