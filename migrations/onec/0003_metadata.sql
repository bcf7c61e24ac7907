-- What infobases publish, as their $metadata tell: a catalogue that is replaced when they change.

create table onec.metadata (
    infobase_id   uuid primary key references onec.infobases (id) on delete cascade,
    -- SHA-256 of the document; null before the first reading.
    content_hash  bytea,
    -- When 1C was asked for the last time and answered.
    read_at       timestamptz,
    -- When the catalogue was replaced for the last time.
    changed_at    timestamptz,
    -- Something showed that the catalogue is not true any more.
    outdated      boolean not null default false,
    -- Until when a replica may be reading the metadata, which takes 1C long.
    reading_until timestamptz
);

create table onec.metadata_types (
    infobase_id uuid not null references onec.infobases (id) on delete cascade,
    name        text not null,
    -- An entity, a complex type (rows, results of functions) or an enumeration.
    form        text not null check (form in ('entity', 'complex', 'enumeration')),
    -- Catalog, Document, AccumulationRegister, …: the name up to its first underscore.
    kind        text not null,
    -- True when there is an entity set of that name.
    published   boolean not null,
    -- For tabular parts and flat rows of registers: the set they belong to.
    owner       text,
    members     text[] not null,
    primary key (infobase_id, name)
);
create index metadata_types_owner on onec.metadata_types (infobase_id, owner) where owner is not null;

create table onec.metadata_properties (
    infobase_id uuid not null,
    type_name   text not null,
    ordinal     int not null,
    name        text not null,
    -- Edm.String, Edm.Guid, Collection(StandardODATA.X_RowType), …
    edm_type    text not null,
    nullable    boolean not null,
    is_key      boolean not null,
    -- The set that a reference leads to, and the name to walk there by.
    target      text,
    navigation  text,
    primary key (infobase_id, type_name, name),
    foreign key (infobase_id, type_name) references onec.metadata_types (infobase_id, name) on delete cascade
);

create table onec.metadata_functions (
    infobase_id    uuid not null references onec.infobases (id) on delete cascade,
    -- The type that it is called on: many functions have the same name.
    binding_type   text not null,
    name           text not null,
    side_effecting boolean not null,
    return_type    text,
    -- Names and types, without the binding one, in the same order.
    parameters     text[] not null,
    parameter_types text[] not null,
    primary key (infobase_id, binding_type, name)
);
