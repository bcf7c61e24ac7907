-- Templates of documents that users made; those of the product are files.

create table assistant.templates (
    id         uuid primary key,
    owner_id   uuid not null,
    -- Everybody may use it; only administrators share and change it.
    shared     boolean not null,
    -- The latest version.
    version    integer not null check (version > 0),
    -- Removed templates stay for the texts that name them, and are not found any more.
    removed_at timestamptz,
    created_at timestamptz not null,
    updated_at timestamptz not null
);
create index templates_by_owner on assistant.templates (owner_id) where removed_at is null;
create index templates_shared on assistant.templates (id) where shared and removed_at is null;

create table assistant.template_versions (
    template_id uuid not null references assistant.templates on delete cascade,
    version     integer not null,
    definition  jsonb not null,
    author_id   uuid not null,
    created_at  timestamptz not null,
    primary key (template_id, version)
);
