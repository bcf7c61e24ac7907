-- user-management as an OAuth 2.0 and OpenID Connect provider: clients, codes, consents, and the keys
-- that ID tokens are signed with.

create table identity.oauth_clients (
    -- As the client names itself; chosen by the administrator or made.
    id                         text primary key,
    name                       text not null,
    -- 'none' is a public client, which has no secret.
    auth_method                text not null
        check (auth_method in ('none', 'client_secret_basic', 'client_secret_post')),
    -- SHA-256; the secret itself has 256 bits of randomness.
    secret_hash                bytea,
    -- The secret before the present one, for the time in which both are accepted.
    previous_secret_hash       bytea,
    previous_secret_until      timestamptz,
    redirect_uris              text[] not null,
    post_logout_redirect_uris  text[] not null,
    grant_types                text[] not null,
    -- What the client may ask for.
    scopes                     text[] not null,
    id_token_alg               text not null default 'RS256' check (id_token_alg in ('RS256', 'EdDSA')),
    -- Ours: nobody is asked for consent.
    first_party                boolean not null,
    -- The administrator who made it; null when it registered itself.
    created_by                 uuid,
    created_at                 timestamptz not null,
    updated_at                 timestamptz not null,
    -- When it last got tokens, by the hour.
    last_used_at               timestamptz,
    constraint oauth_clients_secret check ((auth_method = 'none') = (secret_hash is null))
);
-- Clients that registered themselves and never got a token are deleted.
create index oauth_clients_unused on identity.oauth_clients (created_at)
    where created_by is null and last_used_at is null;

create table identity.authorization_codes (
    -- SHA-256 of the code.
    code_hash      bytea primary key,
    client_id      text not null references identity.oauth_clients (id) on delete cascade,
    user_id        uuid not null references identity.users (id) on delete cascade,
    -- The browser's session in which the user agreed.
    browser_session uuid not null,
    -- As the request had it; null when it had none, and then the token request needs none.
    redirect_uri   text,
    scopes         text[] not null,
    nonce          text,
    -- SHA-256 of the PKCE verifier (RFC 7636), in base64url.
    code_challenge text not null,
    amr            text[] not null,
    auth_time      timestamptz not null,
    expires_at     timestamptz not null,
    -- A code is kept for a while after its use, so that a second use is recognised.
    used_at        timestamptz,
    -- The session that its tokens belong to; a second use of the code ends it.
    session_id     uuid
);
create index authorization_codes_by_end on identity.authorization_codes (expires_at);

create table identity.consents (
    user_id    uuid not null references identity.users (id) on delete cascade,
    client_id  text not null references identity.oauth_clients (id) on delete cascade,
    scopes     text[] not null,
    granted_at timestamptz not null,
    primary key (user_id, client_id)
);
create index consents_of_client on identity.consents (client_id);

-- A table of its own: a release that knows only Ed25519 keys reads all of signing_keys.
create table identity.id_token_keys (
    -- Thumbprint of the public key (RFC 7638).
    kid                text primary key,
    state              text not null check (state in ('next', 'active', 'retired')),
    -- RSAPublicKey (RFC 8017), DER.
    public_key         bytea not null,
    -- PKCS #8, sealed as in signing_keys.
    sealed_private_key bytea not null,
    created_at         timestamptz not null,
    activated_at       timestamptz,
    retired_at         timestamptz
);
create unique index id_token_keys_one_per_state on identity.id_token_keys (state) where state <> 'retired';

-- The browser's session in which tokens were granted: logging out there ends this one too, unless the
-- client was given access for the time after (offline_access).
alter table identity.sessions add column parent_id uuid;
create index sessions_of_parent on identity.sessions (parent_id)
    where parent_id is not null and ended_at is null;
