-- Requests that may be repeated with the same Idempotency-Key (crate common, module idempotency).
create table onec.idempotency_keys (
    user_id      uuid not null,
    operation    text not null,
    key          text not null,
    request_hash bytea not null,
    -- The first answer, sealed; null while it is being made.
    answer       jsonb,
    created_at   timestamptz not null,
    primary key (user_id, operation, key)
);
create index idempotency_keys_by_age on onec.idempotency_keys (created_at);

-- What is looked for by its name or its code.
create index counterparties_by_words on onec.counterparties using gin (search_name gin_trgm_ops);
create index counterparties_by_inn on onec.counterparties (inn);
create index items_by_words on onec.items using gin (search_name gin_trgm_ops);
create index items_by_article on onec.items (article);
