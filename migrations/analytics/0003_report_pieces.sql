-- Reports of more rows than an answer has: the rows wait in pieces. Progress, an end by will, and
-- what tells that a file is whole.

create table analytics.report_rows (
    job_id uuid not null references analytics.report_jobs (id) on delete cascade,
    piece  integer not null,
    rows   bytea not null, -- a JSON list
    primary key (job_id, piece)
);

alter table analytics.report_jobs
    add column title        text not null default '',
    add column rows_done    bigint not null default 0,
    -- In the language of the request.
    add column error_detail text,
    drop constraint report_jobs_state_check,
    add constraint report_jobs_state_check
        check (state in ('queued', 'running', 'succeeded', 'failed', 'cancelled'));

create index report_jobs_owner on analytics.report_jobs (owner, id desc);

alter table analytics.report_files
    add column title   text not null default '',
    add column control jsonb;
