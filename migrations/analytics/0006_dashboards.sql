-- Dashboards of users. What they show is asked anew with the rights of whoever looks; only a link
-- for people without an account keeps figures, those that its maker saw.

create table analytics.dashboards (
    id          uuid primary key,
    owner       uuid not null,
    title       text not null,
    version     integer not null default 1,
    definition  jsonb not null,
    -- Roles that may look at it.
    shared_with text[] not null default '{}',
    created_at  timestamptz not null,
    updated_at  timestamptz not null
);

create index dashboards_owner on analytics.dashboards (owner);

create table analytics.dashboard_versions (
    dashboard_id uuid not null references analytics.dashboards (id) on delete cascade,
    version      integer not null,
    definition   jsonb not null,
    shared_with  text[] not null,
    author       uuid not null,
    created_at   timestamptz not null,
    primary key (dashboard_id, version)
);

create table analytics.dashboard_links (
    id           uuid primary key,
    -- A dashboard of ours or the id of one in `dashboards`.
    dashboard    text not null,
    owner        uuid not null,
    -- SHA-256 of the secret in the address.
    token_hash   bytea not null unique,
    -- The dashboard with its figures as the maker saw it, in the maker's language.
    snapshot     jsonb,
    created_at   timestamptz not null,
    expires_at   timestamptz not null,
    revoked_at   timestamptz,
    -- What was shared is gone when the link is.
    check (revoked_at is null or snapshot is null)
);

create index dashboard_links_owner on analytics.dashboard_links (owner, dashboard);
create index dashboard_links_expiring on analytics.dashboard_links (expires_at);

-- Answers to requests that may be repeated.
create table if not exists analytics.idempotency_keys (
    user_id      uuid not null,
    operation    text not null,
    key          text not null,
    request_hash bytea not null,
    answer       jsonb,
    created_at   timestamptz not null,
    primary key (user_id, operation, key)
);

create index if not exists idempotency_keys_created_at on analytics.idempotency_keys (created_at);
