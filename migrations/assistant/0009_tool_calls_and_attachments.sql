-- What the tools were asked for, call by call, and files that users give along with their questions.

create table assistant.tool_calls (
    id              uuid primary key,
    conversation_id uuid not null references assistant.conversations on delete cascade,
    -- The answer that it was made for. An answer that failed has no message, but its calls stay.
    message_id      uuid not null,
    -- Name of the tool, as the engine gave it.
    name            text not null,
    arguments       jsonb not null,
    -- Number that the answer refers to the result by; null when it gave nothing to refer to.
    source          integer,
    -- Rows that were found and rows that the model was shown.
    row_count       bigint,
    shown_rows      bigint,
    duration_ms     bigint not null,
    -- `unfinished` when the answer was cancelled meanwhile.
    outcome         text not null check (outcome in ('ok', 'refused', 'denied', 'unreachable', 'malformed', 'unfinished')),
    -- What the source of data said, or why the call was not made.
    error           text,
    created_at      timestamptz not null
);
create index tool_calls_by_message on assistant.tool_calls (message_id, id);
create index tool_calls_by_conversation on assistant.tool_calls (conversation_id);

create table assistant.attachments (
    id         uuid primary key,
    user_id    uuid not null,
    name       text not null,
    kind       text not null check (kind in ('text', 'csv', 'xlsx')),
    -- Bytes of the file as it came.
    size       bigint not null,
    -- Bytes that its content takes here.
    stored     bigint not null,
    -- What was read from it; the file itself is not kept.
    content    jsonb not null,
    created_at timestamptz not null
);
create index attachments_by_user on assistant.attachments (user_id, id desc);

-- A file stays with the conversation: questions that follow are about it too.
create table assistant.conversation_attachments (
    conversation_id uuid not null references assistant.conversations on delete cascade,
    attachment_id   uuid not null references assistant.attachments on delete cascade,
    primary key (conversation_id, attachment_id)
);
create index conversation_attachments_by_attachment on assistant.conversation_attachments (attachment_id);
