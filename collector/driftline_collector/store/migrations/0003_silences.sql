-- Silences as a log: the latest row for an id counts. One that is ended early gets a row with that end, and who did it.
-- NULL in `rule` and `measure`: any; an empty list of features likewise.
CREATE TABLE silences (
    changed_ns BIGINT NOT NULL, id VARCHAR NOT NULL, segment VARCHAR NOT NULL, rule VARCHAR, measure VARCHAR,
    features VARCHAR[] NOT NULL, start_ns BIGINT NOT NULL, end_ns BIGINT NOT NULL,
    author VARCHAR NOT NULL, reason VARCHAR NOT NULL, created_ns BIGINT NOT NULL, ended_by VARCHAR
);
