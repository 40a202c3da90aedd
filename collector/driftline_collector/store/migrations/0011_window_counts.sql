-- What the cells of a model (version, device type and region, of one tier) counted in windows that others are compared
-- with. `counts`: those of all features of the binning but the duration, one after the other, on its fine bins. What was
-- gathered last of a window counts. A window in which nobody counted has one row, of the version ''.
CREATE TABLE window_counts (
    gathered_ns BIGINT NOT NULL, model VARCHAR NOT NULL, binning VARCHAR NOT NULL,
    start_ns BIGINT NOT NULL, end_ns BIGINT NOT NULL,
    version VARCHAR NOT NULL, device_type VARCHAR NOT NULL, region VARCHAR NOT NULL, tier VARCHAR NOT NULL,
    counts BIGINT[] NOT NULL
);

-- From when to when a reference's rows are, where it was made of what the model itself counted.
ALTER TABLE model_references ADD COLUMN from_ns BIGINT;
ALTER TABLE model_references ADD COLUMN to_ns BIGINT;
