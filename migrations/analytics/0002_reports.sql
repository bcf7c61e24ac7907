-- Report files: the data is fetched with the caller's token while the request lasts; building the
-- file is a job that any replica can take up again. Tokens are never stored.

create table analytics.report_jobs (
    id              uuid primary key,
    owner           uuid not null,
    idempotency_key text,
    request_hash    bytea not null,
    report          text not null,
    format          text not null,
    dialect         text not null,
    locale          text not null,
    state           text not null default 'queued' check (state in ('queued', 'running', 'succeeded', 'failed')),
    -- The fetched data; removed with the end of the job.
    payload         jsonb,
    rows            bigint not null,
    attempts        integer not null default 0,
    lease_by        text,
    lease_until     timestamptz,
    error           text,
    created_at      timestamptz not null,
    started_at      timestamptz,
    finished_at     timestamptz,
    constraint report_jobs_idempotency unique (owner, idempotency_key),
    check ((state in ('queued', 'running')) = (payload is not null))
);

create index report_jobs_unfinished on analytics.report_jobs (id) where state in ('queued', 'running');

create table analytics.report_files (
    id           uuid primary key,
    job_id       uuid not null unique references analytics.report_jobs (id) on delete cascade,
    owner        uuid not null,
    name         text not null,
    content_type text not null,
    content      bytea, -- removed when it expires; the row stays to say so
    size         bigint not null,
    sha256       bytea not null,
    rows         bigint not null,
    created_at   timestamptz not null,
    expires_at   timestamptz not null
);

create index report_files_expiring on analytics.report_files (expires_at) where content is not null;

create table analytics.outbox (
    id         uuid primary key,
    stream     text not null,
    event      jsonb not null,
    created_at timestamptz not null default now()
);
