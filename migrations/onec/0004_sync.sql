-- Synchronisation: modes, scope, cancelling, what could not be read, and changes that 1C registers.

alter table onec.sync_jobs
    -- Null in rows of versions before: `full_read` says it then.
    add column mode             text check (mode in ('full', 'incremental', 'reconcile')),
    -- Entities to which the job is limited; empty means all.
    add column scope            text[] not null default '{}',
    add column cancel_requested boolean not null default false,
    -- Answers of 1C that were written, and the objects and rows in them.
    add column pages            bigint not null default 0,
    add column done             bigint not null default 0,
    add column dead_objects     int not null default 0,
    -- Grows with each change of what is shown of the job: the id of its progress events.
    add column version          bigint not null default 0;

alter table onec.sync_progress
    add column pages      bigint not null default 0,
    add column rows       bigint not null default 0,
    -- When the last page was written; the end, once the entity is done.
    add column moved_at   timestamptz;

-- Objects that 1C could not give or that could not be understood. The mirror keeps what it had.
create table onec.dead_objects (
    job_id     uuid not null references onec.sync_jobs (id) on delete cascade,
    entity     text not null,
    -- The entity set of 1C and the reference in it; the recorder for rows of a register.
    object_set text not null,
    ref        uuid not null,
    code       text not null,
    -- The property that could not be understood, when it was one.
    field      text,
    found_at   timestamptz not null default now(),
    primary key (job_id, entity, ref)
);

-- Nodes of exchange plans at which 1C registers changes for a mirror that was whole once the node
-- was known: only then are the registered changes all that the mirror lacks.
create table onec.change_points (
    infobase_id uuid primary key references onec.infobases (id) on delete cascade,
    plan        text not null,
    node        uuid not null,
    since       timestamptz not null default now()
);

-- Versions of documents that are not mirrored themselves but write into the ledger.
create table onec.recorder_versions (
    infobase_id  uuid not null references onec.infobases (id) on delete cascade,
    object_set   text not null,
    ref          uuid not null,
    data_version text not null,
    date         timestamp not null,
    posted       boolean not null,
    primary key (infobase_id, object_set, ref)
);

create index ledger_recorder_type on onec.ledger_entries (infobase_id, recorder_type);

-- Whole objects as 1C gives them, beside the columns that reports use.
create table onec.objects (
    infobase_id  uuid not null references onec.infobases (id) on delete cascade,
    object_set   text not null,
    ref          uuid not null,
    data_version text not null,
    payload      jsonb not null,
    primary key (infobase_id, object_set, ref)
);
alter table onec.objects alter column payload set compression lz4;
