-- What operators did to what is kept, as a log. `scope`: what they named; `rows`: table → how many rows; neither
-- holds anything of what was taken away.
CREATE TABLE audit (
    changed_ns BIGINT NOT NULL, what VARCHAR NOT NULL, author VARCHAR NOT NULL, reason VARCHAR,
    scope JSON NOT NULL, rows JSON NOT NULL
);

-- Where points were taken away: what comes again of these is a repeat, and verdicts on these windows are reckoned anew.
-- Closed intervals in ns, of `stream` in `table_name`. A stream '' has no id: its points cannot be told from new ones.
CREATE TABLE purged (
    purged_ns BIGINT NOT NULL, table_name VARCHAR NOT NULL, stream VARCHAR NOT NULL, model VARCHAR,
    first BIGINT NOT NULL, last BIGINT NOT NULL
);

-- How many predictions of the window were taken away by hand: it was received, and is no loss.
ALTER TABLE stream_windows ADD COLUMN purged BIGINT;
