-- The audit log: a hash chain that can only grow.

create table security.audit_log (
    sequence    bigint primary key check (sequence > 0),
    id          uuid not null constraint audit_log_id_key unique,
    occurred_at timestamptz not null,
    recorded_at timestamptz not null,
    source      text not null,
    action      text not null,
    outcome     text not null check (outcome in ('success', 'failure', 'denied')),
    actor_id    uuid,
    actor_role  text,
    target      text,
    ip          text,
    request_id  text,
    -- json and not jsonb: the hash is over these very characters, which jsonb would rewrite.
    details     json not null,
    -- Two entries with the same predecessor would be a fork.
    prev_hash   bytea not null constraint audit_log_prev_hash_key unique,
    hash        bytea not null constraint audit_log_hash_key unique
);

create index audit_log_action on security.audit_log (action, sequence);
create index audit_log_actor on security.audit_log (actor_id, sequence);
create index audit_log_occurred_at on security.audit_log using brin (occurred_at);

-- The end of the chain. Appending locks this row, so that two writers cannot continue from the
-- same entry; locking the last entry itself would not stop a second writer that has read it before.
-- It also shows when entries were cut off from the end.
create table security.audit_head (
    only_row boolean primary key default true check (only_row),
    sequence bigint not null,
    hash     bytea not null
);

insert into security.audit_head (sequence, hash) values (0, decode(repeat('00', 32), 'hex'));

create function security.refuse_change() returns trigger language plpgsql as $$
begin
    raise exception 'the audit log can only be appended to' using errcode = 'restrict_violation';
end
$$;

create trigger audit_log_append_only before update or delete on security.audit_log
    for each row execute function security.refuse_change();
create trigger audit_log_no_truncate before truncate on security.audit_log
    for each statement execute function security.refuse_change();
