-- name: tables
-- Names of all tables of the database.
select table_name from duckdb_tables() where not temporary;

-- name: numbers
-- Numbers of the migrations that the database has had.
select number from schema_migrations;

-- name: make_record
-- The table that remembers which migrations the database has had.
create table if not exists schema_migrations (
    number integer primary key,
    name text not null,
    applied_at timestamp not null
);

-- name: record
-- Remember a migration, in the transaction that runs it.
insert into schema_migrations values ($number, $name, $applied_at);
