-- The audit log whose personal data can be erased without breaking its chain. `security.audit_log` is
-- still appended to by the previous release; what it appends is taken over from there.

create table security.audit_entries (
    sequence         bigint primary key check (sequence > 0),
    id               uuid not null constraint audit_entries_id_key unique,
    -- The nil UUID: of the installation, not of one company.
    company_id       uuid not null,
    company_sequence bigint not null check (company_sequence > 0),
    occurred_at      timestamptz not null,
    recorded_at      timestamptz not null,
    source           text not null,
    action           text not null,
    outcome          text not null check (outcome in ('success', 'failure', 'denied')),
    request_id       text,
    -- The chain holds only commitments to who and what. Without the salt nothing can be learnt from
    -- them, so erasing is taking away the salt and the values.
    who_commitment   bytea not null,
    who_salt         bytea,
    actor_id         uuid,
    actor_role       text,
    ip               text,
    what_commitment  bytea not null,
    what_salt        bytea,
    target           text,
    -- json and not jsonb: the commitment is to these very characters, which jsonb would rewrite.
    details          json,
    -- Two entries with the same predecessor would be a fork.
    prev_hash        bytea not null constraint audit_entries_prev_hash_key unique,
    hash             bytea not null,
    constraint audit_entries_company_key unique (company_id, company_sequence),
    check (who_salt is not null or (actor_id is null and actor_role is null and ip is null)),
    check (what_salt is not null or target is null),
    check ((what_salt is null) = (details is null))
);

create index audit_entries_action on security.audit_entries (action text_pattern_ops, sequence);
create index audit_entries_actor on security.audit_entries (actor_id, sequence) where actor_id is not null;
create index audit_entries_target on security.audit_entries (target, sequence) where target is not null;
create index audit_entries_occurred_at on security.audit_entries using brin (occurred_at);

-- The end of the chain. Appending locks this row, so that two writers cannot continue from the same
-- entry. `taken_over` is the last entry of `security.audit_log` that is in the new log.
create table security.audit_tip (
    only_row   boolean primary key default true check (only_row),
    sequence   bigint not null,
    hash       bytea not null,
    taken_over bigint not null
);

insert into security.audit_tip (sequence, hash, taken_over) values (0, decode(repeat('00', 32), 'hex'), 0);

-- How many entries each company has.
create table security.audit_companies (
    company_id uuid primary key,
    sequence   bigint not null
);

-- Signed statements about the first `size` entries (RFC 6962).
create table security.audit_checkpoints (
    number       bigint primary key check (number > 0),
    size         bigint not null constraint audit_checkpoints_size_key unique check (size > 0),
    root         bytea not null,
    -- Hash of entry `size`.
    hash         bytea not null,
    -- Roots of the complete subtrees that the tree of this size consists of, from the left: the
    -- computation goes on from here.
    peaks        bytea not null,
    -- SHA-256 of the statement before this one.
    previous     bytea not null,
    made_at      timestamptz not null,
    key_id       text not null,
    signature    bytea not null,
    -- When it had left for the outside, if there is such a place.
    delivered_at timestamptz
);

create index audit_checkpoints_undelivered on security.audit_checkpoints (number) where delivered_at is null;

-- Roots of complete subtrees of 1024 entries, for proofs.
create table security.audit_blocks (
    block bigint primary key check (block >= 0),
    root  bytea not null
);

-- Months that have left for the archive. Their last entry is the last of a checkpoint.
create table security.audit_segments (
    last_sequence  bigint primary key,
    first_sequence bigint not null unique,
    month          date not null,
    file           text not null,
    bytes          bigint not null,
    sha256         bytea not null,
    sealed_at      timestamptz not null,
    removed_at     timestamptz,
    check (first_sequence <= last_sequence)
);

-- The one change of an entry: who, or what, becomes unknown. The one way to leave: after its month
-- has been archived.
create function security.guard_audit_entries() returns trigger language plpgsql set search_path = '' as $$
begin
    if tg_op = 'UPDATE' then
        if (new.sequence, new.id, new.company_id, new.company_sequence, new.occurred_at, new.recorded_at,
            new.source, new.action, new.outcome, new.request_id, new.who_commitment, new.what_commitment,
            new.prev_hash, new.hash)
           is not distinct from
           (old.sequence, old.id, old.company_id, old.company_sequence, old.occurred_at, old.recorded_at,
            old.source, old.action, old.outcome, old.request_id, old.who_commitment, old.what_commitment,
            old.prev_hash, old.hash)
           and (new.who_salt is null
                or (new.who_salt, new.actor_id, new.actor_role, new.ip)
                   is not distinct from (old.who_salt, old.actor_id, old.actor_role, old.ip))
           and (new.what_salt is null
                or (new.what_salt = old.what_salt and new.target is not distinct from old.target
                    and new.details::text = old.details::text))
        then
            return new;
        end if;
    elsif tg_op = 'DELETE' then
        if old.sequence <= (select coalesce(max(last_sequence), 0) from security.audit_segments) then
            return old;
        end if;
    end if;
    raise exception 'the audit log can only be appended to' using errcode = 'restrict_violation';
end
$$;

create trigger audit_entries_append_only before update or delete on security.audit_entries
    for each row execute function security.guard_audit_entries();
create trigger audit_entries_no_truncate before truncate on security.audit_entries
    for each statement execute function security.guard_audit_entries();

-- The service itself has no right to UPDATE and DELETE where `audit_guard` is (docker/init-scripts);
-- these functions have, and do nothing else.
create function security.erase_audit_entries(who bigint[], what bigint[]) returns void
    language sql security definer set search_path = '' as $$
    update security.audit_entries set who_salt = null, actor_id = null, actor_role = null, ip = null
        where sequence = any(who);
    update security.audit_entries set what_salt = null, target = null, details = null
        where sequence = any(what) and action <> 'audit.erased';
$$;

create function security.remove_archived_audit_entries(up_to bigint, at_most bigint) returns bigint
    language sql security definer set search_path = '' as $$
    with removed as (
        delete from security.audit_entries where sequence in
            (select sequence from security.audit_entries where sequence <= up_to order by sequence limit at_most)
        returning 1)
    select count(*) from removed;
$$;

revoke all on function security.erase_audit_entries, security.remove_archived_audit_entries from public;

-- Hands the log to an owner of its own, if the database was made with one.
do $$
begin
    if to_regprocedure('audit_guard.take()') is not null then
        perform audit_guard.take();
    end if;
end
$$;
