-- Writing into 1C in two steps: what somebody means to write, and what was written.

create table onec.drafts (
    id          uuid primary key,
    infobase_id uuid not null references onec.infobases (id) on delete cascade,
    user_id     uuid not null,
    entity      text not null,
    -- The object that is changed, or the key that a new one is given.
    ref         uuid not null,
    is_new      boolean not null,
    -- What the user is shown, and what is sent.
    plan        jsonb not null,
    -- SHA-256 of the plan, in hex.
    digest      text not null,
    -- A draft is carried out once: who takes it out of pending does.
    state       text not null default 'pending' check (state in ('pending', 'writing', 'done', 'failed')),
    -- What came of it, also of a failure.
    result      jsonb,
    created_at  timestamptz not null,
    expires_at  timestamptz not null,
    claimed_at  timestamptz
);
create index drafts_user on onec.drafts (user_id, created_at);
create index drafts_expired on onec.drafts (expires_at) where state = 'pending';

create table onec.writes (
    id           uuid primary key,
    -- The draft's own id, which may be removed before.
    draft_id     uuid not null unique,
    infobase_id  uuid not null references onec.infobases (id) on delete cascade,
    user_id      uuid not null,
    entity       text not null,
    ref          uuid not null,
    is_new       boolean not null,
    outcome      text not null check (outcome in ('written', 'written_with_differences', 'unknown')),
    -- The properties written: before (none of a new object), meant and found afterwards.
    before       jsonb,
    meant        jsonb not null,
    after        jsonb,
    was_posted   boolean not null,
    is_posted    boolean not null,
    -- True when this change posted it.
    posted_now   boolean not null,
    posting_text text,
    -- What would put a changed object back, as 1C takes it.
    undo         jsonb,
    -- References of the companies that it belongs to, as far as the writer was limited to some.
    companies    uuid[] not null,
    -- Version of the object after the last step: with another one it is not ours to undo.
    data_version text,
    written_at   timestamptz not null,
    -- When it was undone, and how.
    undone_at    timestamptz,
    undone_by    uuid,
    undone_how   text
);
create index writes_user on onec.writes (user_id, id);
