-- Accounts of programs, and programs that prove to be themselves by signing with a key of their own.

-- The role of all accounts of programs, whose permissions are in their own row: it gives nothing by
-- itself. No role that an administrator makes can have this name.
insert into identity.roles (name, title_ru, title_en, permissions, position)
values ('@service', 'Сервисная учётная запись', 'Service account', '{}', 200);

alter table identity.users
    -- A service account is a program: it has no password, gets no letters and sees no login page.
    add column kind        text not null default 'person'
        constraint users_kind_check check (kind in ('person', 'service')),
    -- What a service account may do; null for people, whose role says it.
    add column permissions text[],
    -- Who made the service account.
    add column created_by  uuid,
    add constraint users_permissions_check check ((kind = 'service') = (permissions is not null));
create index users_services_by_name on identity.users (name, id) where kind = 'service';

alter table identity.oauth_clients
    -- The account that the client is; null for clients that log people in.
    add column service_account uuid references identity.users (id) on delete cascade,
    -- The public keys of a client that signs (RFC 7517), or the address where it publishes them.
    add column jwks            jsonb,
    add column jwks_uri        text,
    drop constraint oauth_clients_auth_method_check,
    add constraint oauth_clients_auth_method_check
        check (auth_method in ('none', 'client_secret_basic', 'client_secret_post', 'private_key_jwt')),
    drop constraint oauth_clients_secret,
    add constraint oauth_clients_secret
        check ((auth_method in ('none', 'private_key_jwt')) = (secret_hash is null)),
    add constraint oauth_clients_keys
        check ((auth_method = 'private_key_jwt') = (num_nonnulls(jwks, jwks_uri) = 1)
               and num_nonnulls(jwks, jwks_uri) <= 1);
create unique index oauth_clients_of_service_account on identity.oauth_clients (service_account)
    where service_account is not null;

-- Signed assertions that clients have shown: none is taken twice (RFC 7523, section 3).
create table identity.client_assertions (
    client_id  text not null references identity.oauth_clients (id) on delete cascade,
    -- SHA-256 of `jti`.
    jti_hash   bytea not null,
    expires_at timestamptz not null,
    primary key (client_id, jti_hash)
);
create index client_assertions_by_end on identity.client_assertions (expires_at);
