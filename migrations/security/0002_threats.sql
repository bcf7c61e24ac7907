-- What the detectors look at, what they found, and what people did about it.

-- Logins of the last day, kept only for the detectors' windows.
create table security.auth_attempts (
    event_id    uuid primary key,
    occurred_at timestamptz not null,
    success     boolean not null,
    -- SHA-256 of the e-mail address, or `user:<id>` where there is none.
    account     text,
    ip          text
);

create index auth_attempts_ip on security.auth_attempts (ip, occurred_at);
create index auth_attempts_account on security.auth_attempts (account, occurred_at);
create index auth_attempts_occurred_at on security.auth_attempts (occurred_at);

create table security.threats (
    id         uuid primary key,
    kind       text not null,
    severity   text not null check (severity in ('low', 'medium', 'high', 'critical')),
    subject    text not null,
    first_seen timestamptz not null,
    last_seen  timestamptz not null,
    count      bigint not null check (count > 0),
    evidence   jsonb not null,
    status     text not null default 'open' check (status in ('open', 'closed')),
    created_at timestamptz not null
);

-- While a threat is open, more of the same adds to it.
create unique index threats_open on security.threats (kind, subject) where status = 'open';

create table security.alerts (
    id              uuid primary key,
    threat_id       uuid not null constraint alerts_threat_key unique references security.threats (id),
    severity        text not null check (severity in ('low', 'medium', 'high', 'critical')),
    state           text not null default 'open' check (state in ('open', 'acknowledged', 'resolved')),
    created_at      timestamptz not null,
    acknowledged_at timestamptz,
    acknowledged_by uuid,
    resolved_at     timestamptz,
    resolved_by     uuid,
    check ((acknowledged_at is null) = (acknowledged_by is null)),
    check ((state = 'resolved') = (resolved_at is not null)),
    check ((resolved_at is null) = (resolved_by is null))
);

create index alerts_unresolved on security.alerts (severity) where state <> 'resolved';
