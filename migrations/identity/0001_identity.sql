-- Accounts, roles, sessions, signing keys and the outbox of user-management.

create table identity.roles (
    name        text primary key,
    title_ru    text not null,
    title_en    text not null,
    -- Names of permissions; '*' stands for all of them, those of later versions too.
    permissions text[] not null,
    position    smallint not null
);

insert into identity.roles (name, title_ru, title_en, permissions, position) values
    ('admin', 'Администратор', 'Administrator', '{*}', 1),
    ('director', 'Директор', 'Director',
     '{chat,generate,onec:read,reports,dashboards:read,dashboards:edit,analytics:read,users:read}', 2),
    ('accountant', 'Бухгалтер', 'Accountant',
     '{chat,generate,onec:read,onec:write,onec:sync,reports,dashboards:read}', 3),
    ('manager', 'Менеджер', 'Manager', '{chat,generate,onec:read,reports,dashboards:read}', 4),
    ('security', 'Служба безопасности', 'Security officer',
     '{security:read,security:admin,audit:read,users:read}', 5),
    ('user', 'Пользователь', 'User', '{chat,generate}', 6);

create table identity.users (
    id            uuid primary key,
    -- Normalised: NFKC, lower case.
    email         text not null constraint users_email_key unique,
    name          text not null,
    -- What a search looks at, folded by the service: the database's own lower() depends on its locale.
    search        text not null,
    -- PHC string.
    password_hash text not null,
    role          text not null constraint users_role_fkey references identity.roles (name),
    all_companies boolean not null,
    companies     uuid[] not null,
    created_at    timestamptz not null,
    updated_at    timestamptz not null
);
create index users_by_name on identity.users (name, id);
create index users_by_role on identity.users (role);

-- Failed logins by account name, whether the account exists or not: answers and times then do not
-- tell which accounts exist. The name is kept as its SHA-256 only.
create table identity.login_failures (
    email_hash     bytea primary key,
    failures       integer not null,
    last_failed_at timestamptz not null,
    locked_until   timestamptz
);
create index login_failures_by_time on identity.login_failures (last_failed_at);

create table identity.sessions (
    id                   uuid primary key,
    user_id              uuid not null references identity.users (id) on delete cascade,
    -- Refresh tokens are MACs over session, generation and this seed: none is stored.
    refresh_seed         bytea not null,
    -- Generation of the one refresh token that is active.
    generation           integer not null,
    rotated_at           timestamptz not null,
    -- When the active refresh token ends, for want of use or with the session.
    refresh_expires_at   timestamptz not null,
    -- When the session ends at the latest.
    expires_at           timestamptz not null,
    -- When the last access token ends.
    access_expires_at    timestamptz not null,
    ip                   text,
    user_agent           text,
    created_at           timestamptz not null,
    ended_at             timestamptz,
    end_reason           text,
    -- Whether Redis has been told of the end; only what still has living access tokens need be told.
    revocation_published boolean not null default false
);
create index sessions_of_user on identity.sessions (user_id) where ended_at is null;
create index sessions_to_publish on identity.sessions (access_expires_at)
    where ended_at is not null and not revocation_published;
create index sessions_by_end on identity.sessions (expires_at);

create table identity.signing_keys (
    -- Thumbprint of the public key (RFC 7638).
    kid                text primary key,
    state              text not null check (state in ('next', 'active', 'retired')),
    public_key         bytea not null,
    -- PKCS #8, sealed with AES-256-GCM under a key derived from JWT_SECRET_KEY.
    sealed_private_key bytea not null,
    created_at         timestamptz not null,
    activated_at       timestamptz,
    retired_at         timestamptz
);
-- One active key and one next key at most, whatever replicas do at the same time.
create unique index signing_keys_one_per_state on identity.signing_keys (state) where state <> 'retired';

create table identity.outbox (
    id         uuid primary key,
    stream     text not null,
    event      jsonb not null,
    created_at timestamptz not null default now()
);
