-- What is done against threats, and who is told of them.

-- Bans, ended sessions, forced passwords. A ban is in force while it is pending or done and has not expired.
create table security.responses (
    id              uuid primary key,
    threat_id       uuid references security.threats (id),
    action          text not null check (action in ('ban', 'revoke_sessions', 'force_password_reset')),
    -- `ip:<address or network>`, `stranger:<address or network>`, `user:<id>` or `session:<id>`.
    subject         text not null,
    state           text not null default 'pending' check (state in ('pending', 'done', 'skipped', 'failed', 'undone')),
    reason          text not null,
    created_at      timestamptz not null,
    -- Absent for what the service did by itself.
    created_by      uuid,
    expires_at      timestamptz,
    done_at         timestamptz,
    undone_at       timestamptz,
    undone_by       uuid,
    attempts        integer not null default 0,
    next_attempt_at timestamptz not null,
    error           text,
    check (action <> 'ban' or expires_at is not null)
);

create index responses_subject on security.responses (subject, created_at);
create index responses_pending on security.responses (next_attempt_at) where state = 'pending';
create index responses_threat on security.responses (threat_id);
create index responses_bans on security.responses (expires_at) where action = 'ban';

-- Who is never banned.
create table security.allowed (
    id         uuid primary key,
    -- As in security.responses.
    subject    text not null constraint allowed_subject_key unique,
    reason     text not null,
    created_at timestamptz not null,
    created_by uuid not null
);

-- One message to one receiver.
create table security.deliveries (
    id              uuid primary key,
    channel         text not null,
    alert_id        uuid references security.alerts (id),
    event           text not null,
    payload         jsonb not null,
    state           text not null default 'pending' check (state in ('pending', 'delivered', 'dead')),
    attempts        integer not null default 0,
    created_at      timestamptz not null,
    next_attempt_at timestamptz not null,
    delivered_at    timestamptz,
    error           text
);

create index deliveries_pending on security.deliveries (next_attempt_at) where state = 'pending';
create index deliveries_alert on security.deliveries (alert_id);

-- Times in which nobody is told.
create table security.silences (
    id           uuid primary key,
    rule         text,
    -- Worse threats are told all the same.
    up_to        text check (up_to in ('low', 'medium', 'high', 'critical')),
    starts_at    timestamptz not null,
    ends_at      timestamptz not null,
    reason       text not null,
    created_at   timestamptz not null,
    created_by   uuid not null,
    check (ends_at > starts_at)
);

create index silences_ends_at on security.silences (ends_at);
