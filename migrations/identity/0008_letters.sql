-- Passwords that are too short to be the only factor, and from where somebody has logged in before.

-- True when the password was accepted because of a second factor: the last factor is not removed
-- before there is a longer one.
alter table identity.users add column password_needs_second_factor boolean not null default false;

-- Programs and networks that somebody has logged in from; the first login from another one is told
-- to them.
create table identity.known_devices (
    user_id       uuid not null references identity.users (id) on delete cascade,
    -- SHA-256 of the user, the network and the name of the program.
    fingerprint   bytea not null,
    first_seen_at timestamptz not null,
    last_seen_at  timestamptz not null,
    primary key (user_id, fingerprint)
);
create index known_devices_by_time on identity.known_devices (last_seen_at);
