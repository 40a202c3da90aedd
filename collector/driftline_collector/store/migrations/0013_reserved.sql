-- After a power cut: how many predictions a stream was told of at most; `made` is then the least.
ALTER TABLE stream_events ADD COLUMN reserved BIGINT;
