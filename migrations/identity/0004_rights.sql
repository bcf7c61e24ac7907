-- Roles made here, versions of what administrators change, infobases, keys of programs.

alter table identity.roles
    -- Made by an administrator; the others come with a release.
    add column custom     boolean not null default false,
    add column version    bigint not null default 1,
    add column created_at timestamptz not null default now();

alter table identity.users
    -- Counts changes of the account, for If-Match.
    add column version           bigint not null default 1,
    -- Counts changes of what the account may do. Tokens carry it; older ones are refused.
    add column rights_version    bigint not null default 1,
    add column rights_changed_at timestamptz,
    -- Whether Redis has been told of the last change.
    add column rights_published  boolean not null default true,
    add column all_infobases     boolean not null default true,
    add column infobases         uuid[] not null default '{}';
create index users_rights_to_publish on identity.users (rights_changed_at) where not rights_published;

-- Keys of programs: a secret that we made and gave away.
create table identity.api_keys (
    id                   uuid primary key,
    owner_id             uuid not null references identity.users (id) on delete cascade,
    name                 text not null,
    -- SHA-256 of the whole key, which has 256 bits of chance and so needs no slow hash.
    secret_hash          bytea not null,
    -- What the key may be used for, at most what its owner may do at that moment.
    permissions          text[] not null,
    all_companies        boolean not null,
    companies            uuid[] not null,
    all_infobases        boolean not null,
    infobases            uuid[] not null,
    created_at           timestamptz not null,
    created_by           uuid not null,
    expires_at           timestamptz not null,
    last_used_at         timestamptz,
    last_used_ip         text,
    -- The key that takes this one's place; both work until this one expires.
    replaced_by          uuid references identity.api_keys (id) on delete set null,
    revoked_at           timestamptz,
    -- When the last access token made for the key ends.
    access_expires_at    timestamptz not null,
    -- Whether Redis has been told of the revocation.
    revocation_published boolean not null default false
);
create index api_keys_of_owner on identity.api_keys (owner_id, created_at, id);
create index api_keys_to_publish on identity.api_keys (access_expires_at)
    where revoked_at is not null and not revocation_published;
