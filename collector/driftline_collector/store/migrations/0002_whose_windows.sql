-- Whose each window is, so that the fleet can be looked at without reading its profiles, which are 40 times as many.
-- A window without a stream's id (another SDK's) stands under the stream ''. NULL in rows from before.
ALTER TABLE stream_windows ADD COLUMN escalations BIGINT;
ALTER TABLE stream_windows ADD COLUMN model VARCHAR;
ALTER TABLE stream_windows ADD COLUMN version VARCHAR;
ALTER TABLE stream_windows ADD COLUMN device_type VARCHAR;
ALTER TABLE stream_windows ADD COLUMN region VARCHAR;
ALTER TABLE stream_windows ADD COLUMN tier VARCHAR;
ALTER TABLE stream_windows ADD COLUMN firmware VARCHAR;
