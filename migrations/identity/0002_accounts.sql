-- States of accounts, registrations that wait for their address to be confirmed, invites, secrets
-- that travel by mail, and the mails themselves.

alter table identity.users
    -- Null for those who log in by another provider only, and for the deleted.
    alter column password_hash drop not null,
    -- A deleted account keeps its id, so that the audit log stays readable, and nothing else.
    add column state                text not null default 'active'
        constraint users_state_check check (state in ('active', 'unverified', 'disabled', 'deleted')),
    add column email_verified_at    timestamptz,
    add column password_changed_at  timestamptz,
    -- Until it is changed, the password grants nothing but changing it.
    add column must_change_password boolean not null default false,
    add column locale               text not null default 'ru'
        constraint users_locale_check check (locale in ('ru', 'en'));

-- Whoever has registered has no account before a letter has reached the address: nobody can sit on
-- the address of another. There may be several of one address.
create table identity.registrations (
    id            uuid primary key,
    email         text not null,
    name          text not null,
    password_hash text not null,
    locale        text not null,
    created_at    timestamptz not null,
    expires_at    timestamptz not null
);
create index registrations_by_email on identity.registrations (email, created_at);
create index registrations_by_end on identity.registrations (expires_at);

create table identity.invites (
    id            uuid primary key,
    email         text not null constraint invites_email_key unique,
    role          text not null references identity.roles (name),
    all_companies boolean not null,
    companies     uuid[] not null,
    locale        text not null,
    invited_by    uuid not null references identity.users (id),
    created_at    timestamptz not null,
    expires_at    timestamptz not null
);
create index invites_by_time on identity.invites (created_at, id);
create index invites_of_user on identity.invites (invited_by);

-- Secrets that are sent by mail or written to the log once. Only the SHA-256 is kept; whoever shows
-- the secret uses it up, and with it all others of the same purpose and subject.
create table identity.links (
    token_hash      bytea primary key,
    purpose         text not null
        check (purpose in ('registration', 'verify_email', 'reset_password', 'change_email', 'invite', 'setup')),
    user_id         uuid references identity.users (id) on delete cascade,
    registration_id uuid references identity.registrations (id) on delete cascade,
    invite_id       uuid references identity.invites (id) on delete cascade,
    -- The address that the secret was sent to: what it proves.
    email           text,
    created_at      timestamptz not null,
    expires_at      timestamptz not null
);
create index links_of_user on identity.links (user_id);
create index links_of_registration on identity.links (registration_id);
create index links_of_invite on identity.links (invite_id);
create index links_by_end on identity.links (expires_at);

-- Mails to be sent. None holds a secret: links are made when a mail is sent.
create table identity.mails (
    id              uuid primary key,
    recipient       text not null,
    kind            text not null,
    locale          text not null,
    params          jsonb not null,
    -- The address that asked for it without being logged in, to be limited.
    client          text,
    created_at      timestamptz not null,
    attempts        integer not null default 0,
    next_attempt_at timestamptz not null,
    ended_at        timestamptz,
    outcome         text check (outcome in ('sent', 'dropped', 'failed'))
);
create index mails_due on identity.mails (next_attempt_at) where ended_at is null;
create index mails_by_recipient on identity.mails (recipient, created_at);
create index mails_by_client on identity.mails (client, created_at) where client is not null;
create index mails_by_end on identity.mails (ended_at) where ended_at is not null;
