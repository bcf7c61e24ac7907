-- Second factors, passkeys, and how each session came to be.

alter table identity.sessions
    -- How the user proved who they are (RFC 8176), and when last.
    add column amr          text[] not null default '{pwd}',
    add column auth_time    timestamptz not null default now(),
    -- The OAuth client that the session was opened for; null = our own API and web page.
    add column client_id    text,
    -- What the session may be used for; null = everything the user may do.
    add column scope        text[],
    -- Who keeps the refresh token: a program, or a browser as a cookie.
    add column kind         text not null default 'bearer' check (kind in ('bearer', 'cookie')),
    add column last_seen_at timestamptz,
    add column last_ip      text;
update identity.sessions set auth_time = created_at;

-- Failures since the last success, which time does not make forget: after 100 the password alone
-- opens nothing any more (SP 800-63B-4, section 3.2.2).
alter table identity.login_failures add column consecutive integer not null default 0;

create table identity.totp (
    user_id       uuid primary key references identity.users (id) on delete cascade,
    -- Sealed with AES-256-GCM under a key derived from JWT_SECRET_KEY.
    sealed_secret bytea not null,
    -- The step of the last code that was taken: none is taken twice.
    last_step     bigint not null default 0,
    created_at    timestamptz not null,
    -- Null until the first code has shown that the application works.
    confirmed_at  timestamptz
);

create table identity.recovery_codes (
    user_id    uuid not null references identity.users (id) on delete cascade,
    -- HMAC of the code under a key derived from JWT_SECRET_KEY.
    code_hash  bytea not null,
    created_at timestamptz not null,
    used_at    timestamptz,
    primary key (user_id, code_hash)
);

create table identity.passkeys (
    id            uuid primary key,
    user_id       uuid not null references identity.users (id) on delete cascade,
    credential_id bytea not null constraint passkeys_credential_key unique,
    -- COSE_Key (RFC 9052).
    public_key    bytea not null,
    name          text not null,
    sign_count    bigint not null,
    transports    text[] not null,
    aaguid        uuid not null,
    -- Whether the passkey is copied between the user's devices.
    backed_up     boolean not null,
    created_at    timestamptz not null,
    last_used_at  timestamptz
);
create index passkeys_of_user on identity.passkeys (user_id);

-- Logins and registrations of passkeys that have been begun. The name is kept as its SHA-256 only.
create table identity.challenges (
    id_hash           bytea primary key,
    purpose           text not null check (purpose in ('second_factor', 'passkey_login', 'passkey_registration', 'step_up')),
    -- Null when the passkey will tell who it is.
    user_id           uuid references identity.users (id) on delete cascade,
    -- What has been proved already.
    amr               text[] not null,
    -- What the authenticator has to sign.
    passkey_challenge bytea,
    tries             smallint not null default 0,
    created_at        timestamptz not null,
    expires_at        timestamptz not null
);
create index challenges_by_end on identity.challenges (expires_at);
create index challenges_of_user on identity.challenges (user_id);
