-- Identities of users at providers that are not ours.

create table identity.federated_identities (
    user_id      uuid not null references identity.users (id) on delete cascade,
    -- Id of the provider in the settings.
    provider     text not null,
    -- Who says so, and whom: the two name a person for ever, an e-mail address does not.
    issuer       text not null,
    subject      text not null,
    -- As the provider last told it; for display.
    email        text,
    linked_at    timestamptz not null,
    last_used_at timestamptz,
    primary key (user_id, provider),
    constraint federated_identities_subject_key unique (issuer, subject)
);

-- What a callback leaves for the page that asks next. Both halves of the key are stored as SHA-256.
create table identity.federated_handovers (
    code_hash   bytea primary key,
    cookie_hash bytea not null,
    provider    text not null,
    -- The user who has logged in; null when an identity waits to be linked.
    user_id     uuid references identity.users (id) on delete cascade,
    issuer      text,
    subject     text,
    email       text,
    expires_at  timestamptz not null,
    check ((user_id is null) = (issuer is not null and subject is not null))
);
create index federated_handovers_by_end on identity.federated_handovers (expires_at);

-- Somebody who comes from a provider has no password.
alter table identity.users alter column password_hash drop not null;
