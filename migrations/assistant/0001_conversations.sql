-- Conversations, their messages, what each attempt to answer used, and keys of repeated requests.

create table assistant.conversations (
    id         uuid primary key,
    user_id    uuid not null,
    -- The beginning of the first question.
    title      text not null,
    -- What the built-in engine remembers for follow-up questions.
    state      jsonb not null default '{}',
    created_at timestamptz not null,
    updated_at timestamptz not null
);
create index conversations_by_user on assistant.conversations (user_id, updated_at desc, id desc);

create table assistant.messages (
    id              uuid primary key,
    conversation_id uuid not null references assistant.conversations on delete cascade,
    role            text not null check (role in ('user', 'assistant')),
    content         text not null,
    -- answered or cancelled; a question has none.
    status          text check (status in ('answered', 'cancelled')),
    -- The whole answer as it was given.
    answer          jsonb,
    created_at      timestamptz not null
);
create index messages_by_conversation on assistant.messages (conversation_id, id);

-- One row per attempt, failed and cancelled ones too. It outlives the conversation.
create table assistant.usage (
    id              uuid primary key,
    user_id         uuid not null,
    conversation_id uuid,
    operation       text not null check (operation in ('chat', 'generate')),
    provider        text not null,
    model           text not null,
    outcome         text not null check (outcome in ('answered', 'failed', 'cancelled')),
    -- Code of the error of a failed attempt.
    error           text,
    input_tokens    bigint not null,
    output_tokens   bigint not null,
    -- Null when the price of the model is unknown: that is not the same as free.
    cost_usd        numeric(18, 8),
    tool_calls      integer not null,
    duration_ms     bigint not null,
    created_at      timestamptz not null
);
create index usage_by_user on assistant.usage (user_id, created_at);

create table assistant.idempotency_keys (
    user_id      uuid not null,
    operation    text not null,
    key          text not null,
    request_hash bytea not null,
    -- The first answer; null while it is being made.
    answer       jsonb,
    created_at   timestamptz not null,
    primary key (user_id, operation, key)
);
create index idempotency_keys_by_age on assistant.idempotency_keys (created_at);

create table assistant.outbox (
    id         uuid primary key,
    stream     text not null,
    event      jsonb not null,
    created_at timestamptz not null default now()
);
