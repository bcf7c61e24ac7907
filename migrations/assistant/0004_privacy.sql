-- What may leave the company for models of others, and which tokens stand for what.

create table assistant.privacy_policies (
    -- A company (organisation of 1C); 00000000-0000-0000-0000-000000000000 is all that have none of
    -- their own.
    company_id uuid primary key,
    mode       text not null check (mode in ('send', 'mask', 'forbid')),
    -- Names of goods are hidden too.
    mask_items boolean not null,
    -- Kinds that are not hidden.
    keep       text[] not null,
    updated_by uuid not null,
    updated_at timestamptz not null
);

-- The tokens of a conversation, so that the next question gets the same ones. They hold what its
-- messages hold and go with it.
create table assistant.privacy_tokens (
    conversation_id uuid not null references assistant.conversations on delete cascade,
    kind            text not null,
    number          integer not null,
    -- What makes two spellings the same thing.
    key             text not null,
    value           text not null,
    primary key (conversation_id, kind, number),
    constraint privacy_tokens_key unique (conversation_id, kind, key)
);

-- The companies that the questions of a conversation were about: its history goes along with each
-- question, so the policies of all of them hold. 00000000-0000-0000-0000-000000000000 is all that the
-- user may see.
create table assistant.privacy_subjects (
    conversation_id uuid not null references assistant.conversations on delete cascade,
    company_id      uuid not null,
    primary key (conversation_id, company_id)
);
