-- Saved variants of reports, and reports that come by themselves.

create table analytics.report_variants (
    id         uuid primary key,
    owner      uuid not null,
    name       text not null,
    -- Others with the right to have reports see it; each gets the figures that they may see.
    shared     boolean not null,
    definition jsonb not null,
    version    bigint not null default 1,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    constraint report_variants_name unique (owner, name)
);

create table analytics.report_schedules (
    id         uuid primary key,
    owner      uuid not null,
    name       text not null,
    definition jsonb not null, -- the order of the report
    cron       text not null,
    time_zone  text not null,
    locale     text not null,
    -- Whether a report that was due while the system was down comes late, or not at all.
    catch_up   boolean not null,
    delivery   jsonb not null,
    -- The API key that it runs with, and what signs webhooks; sealed.
    key_id     uuid not null,
    sealed_key bytea not null,
    sealed_webhook_secret bytea,
    enabled    boolean not null,
    next_at    timestamptz not null,
    version    bigint not null default 1,
    created_at timestamptz not null,
    updated_at timestamptz not null
);

create index report_schedules_owner on analytics.report_schedules (owner, id);
create index report_schedules_due on analytics.report_schedules (next_at) where enabled;

create table analytics.report_runs (
    id           uuid primary key,
    schedule_id  uuid not null references analytics.report_schedules (id) on delete cascade,
    due_at       timestamptz not null,
    state        text not null default 'waiting'
        check (state in ('waiting', 'building', 'delivered', 'failed', 'skipped')),
    job_id       uuid references analytics.report_jobs (id) on delete set null,
    attempts     integer not null default 0,
    next_attempt timestamptz not null,
    lease_by     text,
    lease_until  timestamptz,
    error        text,
    error_detail text,
    finished_at  timestamptz,
    -- Whatever replica sees that it is due, it is run once.
    constraint report_runs_due unique (schedule_id, due_at)
);

create index report_runs_open on analytics.report_runs (next_attempt) where state in ('waiting', 'building');
