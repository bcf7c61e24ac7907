-- What the detectors look at, how people handle what they find, and what is done by itself.

-- One happening with whom and where: logins, refused requests, entries of the audit log that matter.
create table security.observations (
    event_id    uuid not null,
    signal      text not null,
    occurred_at timestamptz not null,
    ip          text,
    network     text,
    -- SHA-256 of an e-mail address, or `user:<id>`.
    account     text,
    -- `user:<id>`, else `account:<hash>`, else `ip:<address>`.
    who         text not null,
    agent       text,
    target      text,
    value       bigint not null default 0,
    details     jsonb,
    primary key (event_id, signal)
);

create index observations_ip on security.observations (ip, occurred_at) where ip is not null;
create index observations_network on security.observations (network, occurred_at) where network is not null;
create index observations_account on security.observations (account, occurred_at) where account is not null;
create index observations_who on security.observations (who, occurred_at);
create index observations_occurred_at on security.observations (occurred_at, signal);

-- An attack that goes on during the upgrade is not forgotten.
insert into security.observations (event_id, signal, occurred_at, ip, account, who)
select event_id, case when success then 'login_succeeded' else 'login_failed' end, occurred_at, ip, account,
       coalesce('account:' || account, 'ip:' || ip, 'unknown')
from security.auth_attempts
where account is not null or ip is not null;

-- Networks and programs from which somebody has logged in.
create table security.known_places (
    who        text not null,
    kind       text not null check (kind in ('network', 'agent')),
    value      text not null,
    first_seen timestamptz not null,
    last_seen  timestamptz not null,
    primary key (who, kind, value)
);

create index known_places_last_seen on security.known_places (last_seen);

-- Requests of somebody by hour.
create table security.request_rates (
    who   text not null,
    hour  timestamptz not null,
    count bigint not null check (count > 0),
    -- Whether the hour was found unusual already.
    told  boolean not null default false,
    primary key (who, hour)
);

create index request_rates_hour on security.request_rates (hour);

alter table security.threats
    add column technique   text,
    add column confidence  smallint not null default 2 check (confidence between 0 and 3),
    -- How often the count has grown tenfold.
    add column escalations integer not null default 0,
    add column updated_at  timestamptz;

create index threats_subject on security.threats (subject, id);

alter table security.alerts
    add column resolution    text check (resolution in ('true_positive', 'false_positive', 'duplicate', 'benign')),
    add column assignee_id   uuid,
    add column snoozed_until timestamptz,
    add constraint alerts_resolution check (resolution is null or state = 'resolved');

-- What happened to an alert, in order.
create table security.alert_events (
    id       uuid primary key,
    alert_id uuid not null references security.alerts (id),
    at       timestamptz not null,
    kind     text not null,
    actor_id uuid,
    details  jsonb not null default '{}'
);

create index alert_events_alert on security.alert_events (alert_id, id);

-- What is no threat here: findings that fit are not recorded.
create table security.exceptions (
    id         uuid primary key,
    -- All rules, when absent.
    rule       text,
    -- An address or a network; a subject such as `user:<id>`; any, when both are absent.
    network    text,
    subject    text,
    until      timestamptz,
    reason     text not null,
    created_at timestamptz not null,
    created_by uuid not null,
    ended_at   timestamptz,
    ended_by   uuid
);
