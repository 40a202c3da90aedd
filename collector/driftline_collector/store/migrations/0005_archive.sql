-- Closed days leave this file for Parquet files beside it, `<database>.archive/<table>/day=…/[model=…/]<id>.parquet`.
-- `state`: writing (its rows are still here) | kept | leaving (nothing reads it any more). Files of the first and the
-- last are removed when the store is opened. `model` is NULL where the table has none, and for rows that tell none.
-- `schema_version`: of the tables when it was written. `width_ns`: what its windows were merged to; 0: not merged.
-- `first_ns`, `last_ns`, `last_end_ns` and `received_ns` bound its rows; `predictions`: counted by stream_windows.
CREATE TABLE archive_files (
    id VARCHAR NOT NULL, state VARCHAR NOT NULL, table_name VARCHAR NOT NULL, day VARCHAR NOT NULL, model VARCHAR,
    schema_version INTEGER NOT NULL, width_ns BIGINT NOT NULL,
    rows BIGINT, bytes BIGINT, first_ns BIGINT, last_ns BIGINT, last_end_ns BIGINT, received_ns BIGINT,
    predictions BIGINT
);

-- What retention took away, for good. `reason`: age | size | merged (`rows`: how many fewer).
CREATE TABLE retention_log (
    time_ns BIGINT NOT NULL, kind VARCHAR NOT NULL, table_name VARCHAR NOT NULL, day VARCHAR NOT NULL,
    reason VARCHAR NOT NULL, rows BIGINT NOT NULL, bytes BIGINT NOT NULL, predictions BIGINT NOT NULL
);

-- How much each kind took, now and then, in this file (`hot_`) and in the archive: so its growth is known.
-- `oldest_ns` and `newest_ns` bound what is in this file.
CREATE TABLE disk_usage (
    time_ns BIGINT NOT NULL, kind VARCHAR NOT NULL, hot_rows BIGINT NOT NULL, hot_bytes BIGINT NOT NULL,
    archived_rows BIGINT NOT NULL, archived_bytes BIGINT NOT NULL, oldest_ns BIGINT, newest_ns BIGINT
);

-- Views of the same names as the tables, which read both; made anew when the store is opened.
CREATE SCHEMA kept;
