-- Conversations with branches, summaries of their beginnings, ratings of answers, a search over the texts.

-- A message follows another one; edited questions and answers made anew are siblings of what they replace.
-- 00000000-0000-0000-0000-000000000000 begins a conversation. No reference: messages go with their
-- conversation only.
alter table assistant.messages add column parent_id uuid;
update assistant.messages message set parent_id = coalesce(
    (select earlier.id from assistant.messages earlier
     where earlier.conversation_id = message.conversation_id and earlier.id < message.id
     order by earlier.id desc limit 1),
    '00000000-0000-0000-0000-000000000000');

-- The release before this one tells of no parent: its messages follow one another.
create function assistant.message_follows() returns trigger language plpgsql as $$
begin
    new.parent_id := coalesce(
        (select earlier.id from assistant.messages earlier
         where earlier.conversation_id = new.conversation_id order by earlier.id desc limit 1),
        '00000000-0000-0000-0000-000000000000');
    return new;
end
$$;
create trigger message_follows before insert on assistant.messages
    for each row when (new.parent_id is null) execute function assistant.message_follows();
alter table assistant.messages alter column parent_id set not null;
create index messages_by_parent on assistant.messages (conversation_id, parent_id);

alter table assistant.messages
    -- What a search of one's own conversations looks through. It has no index: it is looked at by conversation.
    add column words tsvector generated always as (to_tsvector('russian', content)) stored,
    -- What the built-in engine remembers after this answer.
    add column memory jsonb,
    -- What was said up to this message and with it, for models when the whole is too long for them.
    add column summary text,
    -- What the reader thinks of an answer.
    add column rating text check (rating in ('up', 'down')),
    add column rating_comment text,
    add column rated_at timestamptz;
