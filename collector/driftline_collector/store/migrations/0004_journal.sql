-- Up to which place the journal beside this file has been taken in; moved on by the transaction that takes it in.
-- `id` names this database, so that another one's journal is not taken for its own.
CREATE TABLE journal (id VARCHAR NOT NULL, applied BIGINT NOT NULL);
INSERT INTO journal SELECT replace(CAST(uuid() AS VARCHAR), '-', ''), 0;
