-- Time is BIGINT nanoseconds since the epoch, everywhere. No key and no unique constraint on any table that is
-- written at ingest: appended deltas, summed when read. Dimensions that a record does not tell are 'unknown'.

-- What models saw and answered, whole. `numbers` and `texts` are in the order of the feature set.
CREATE TABLE predictions (
    received_ns BIGINT NOT NULL, time_ns BIGINT NOT NULL,
    stream VARCHAR, sequence BIGINT,
    id VARCHAR NOT NULL, parent_id VARCHAR, trace_id BLOB, span_id BLOB,
    model VARCHAR NOT NULL, version VARCHAR NOT NULL, device VARCHAR NOT NULL, device_type VARCHAR NOT NULL,
    region VARCHAR NOT NULL, tier VARCHAR NOT NULL, firmware VARCHAR, segment MAP(VARCHAR, VARCHAR),
    label VARCHAR, value DOUBLE, score DOUBLE, duration DOUBLE,
    escalation_reason VARCHAR, escalation_label VARCHAR, escalation_score DOUBLE,
    probability DOUBLE, reasons VARCHAR[],
    feature_set BIGINT, numbers DOUBLE[], texts VARCHAR[],
    attributes JSON
);

-- Names and types of features, in order; registered when first seen.
CREATE TABLE feature_sets (id BIGINT NOT NULL, names VARCHAR[] NOT NULL, types VARCHAR[] NOT NULL);

-- Append-only; the latest for a prediction (by time_ns, then received_ns) wins.
CREATE TABLE labels (
    received_ns BIGINT NOT NULL, time_ns BIGINT NOT NULL, stream VARCHAR, sequence BIGINT,
    prediction_id VARCHAR NOT NULL, label VARCHAR, value DOUBLE, source VARCHAR,
    probability DOUBLE, sample_probability DOUBLE
);

-- Counts of one window of one stream. `kind`: numeric | category | missing | predictions | escalations.
-- `feature` is the feature's name or __score__, __value__, __duration__, __label__ (see driftline_schemas.binning).
-- numeric: `counts` are a histogram's bucket counts on `bounds` (NULL where the binning is registered).
-- category, predictions, escalations: one count, of `category` (a category, a label, a reason).
-- Without a binning: `exponential` holds {scale, zero_count, offset, …} and `counts` is empty.
CREATE TABLE profiles (
    received_ns BIGINT NOT NULL, start_ns BIGINT NOT NULL, end_ns BIGINT NOT NULL, stream VARCHAR,
    model VARCHAR NOT NULL, version VARCHAR NOT NULL, device VARCHAR NOT NULL, device_type VARCHAR NOT NULL,
    region VARCHAR NOT NULL, tier VARCHAR NOT NULL, firmware VARCHAR, segment MAP(VARCHAR, VARCHAR),
    binning VARCHAR, feature VARCHAR NOT NULL, kind VARCHAR NOT NULL, category VARCHAR,
    counts BIGINT[] NOT NULL, bounds DOUBLE[], exponential JSON
);

-- One row per window of a stream and commit that brought points of it: the chain in which holes show.
CREATE TABLE stream_windows (
    received_ns BIGINT NOT NULL, stream VARCHAR NOT NULL, device VARCHAR NOT NULL,
    start_ns BIGINT NOT NULL, end_ns BIGINT NOT NULL, predictions BIGINT NOT NULL
);

-- Sequence numbers seen, as closed intervals; committed with the data they speak of. `signal`: logs | traces.
CREATE TABLE stream_intervals (
    received_ns BIGINT NOT NULL, stream VARCHAR NOT NULL, signal VARCHAR NOT NULL,
    first BIGINT NOT NULL, last BIGINT NOT NULL
);

-- What streams say of themselves. `phase`: start | end | closed (`stream` is then the one that died).
CREATE TABLE stream_events (
    received_ns BIGINT NOT NULL, time_ns BIGINT NOT NULL, stream VARCHAR NOT NULL, phase VARCHAR NOT NULL,
    model VARCHAR NOT NULL, version VARCHAR NOT NULL, device VARCHAR NOT NULL, device_type VARCHAR NOT NULL,
    region VARCHAR NOT NULL, tier VARCHAR NOT NULL,
    last_log BIGINT, last_span BIGINT, last_window_end BIGINT, made BIGINT, profiled BIGINT,
    tombstones_logs BIGINT[], tombstones_spans BIGINT[]
);

CREATE TABLE deployments (
    received_ns BIGINT NOT NULL, time_ns BIGINT NOT NULL, stream VARCHAR, sequence BIGINT,
    model VARCHAR NOT NULL, version VARCHAR NOT NULL, device VARCHAR NOT NULL, device_type VARCHAR NOT NULL,
    region VARCHAR NOT NULL, tier VARCHAR NOT NULL,
    kind VARCHAR NOT NULL, from_version VARCHAR, to_version VARCHAR
);

-- What an SDK dropped and how full its spool is.
CREATE TABLE sdk_health (
    received_ns BIGINT NOT NULL, time_ns BIGINT NOT NULL, stream VARCHAR, device VARCHAR NOT NULL,
    metric VARCHAR NOT NULL, reason VARCHAR, signal VARCHAR, value DOUBLE NOT NULL
);

-- What the collector itself would not take or saw twice, by reason; appended at commit.
CREATE TABLE refusals (
    received_ns BIGINT NOT NULL, signal VARCHAR NOT NULL, reason VARCHAR NOT NULL, stream VARCHAR, count BIGINT NOT NULL
);

-- Whatever else OTLP brings. Attributes are kept as JSON; what JSON cannot say is kept in OTLP's own JSON mapping.
CREATE TABLE spans (
    received_ns BIGINT NOT NULL, start_ns BIGINT NOT NULL, end_ns BIGINT NOT NULL,
    trace_id BLOB, span_id BLOB, parent_span_id BLOB, trace_state VARCHAR, flags BIGINT,
    stream VARCHAR, sequence BIGINT, service VARCHAR, device VARCHAR, tier VARCHAR, prediction_id VARCHAR,
    name VARCHAR, kind INTEGER, status_code INTEGER, status_message VARCHAR,
    attributes JSON, events JSON, links JSON, resource JSON, scope JSON
);
CREATE TABLE logs (
    received_ns BIGINT NOT NULL, time_ns BIGINT NOT NULL, observed_ns BIGINT,
    trace_id BLOB, span_id BLOB, flags BIGINT, stream VARCHAR, sequence BIGINT, service VARCHAR, device VARCHAR,
    event_name VARCHAR, severity_number INTEGER, severity_text VARCHAR,
    body JSON, attributes JSON, resource JSON, scope JSON
);
CREATE TABLE metrics (
    received_ns BIGINT NOT NULL, start_ns BIGINT, time_ns BIGINT NOT NULL,
    stream VARCHAR, service VARCHAR, device VARCHAR,
    name VARCHAR NOT NULL, unit VARCHAR, kind VARCHAR NOT NULL, temporality INTEGER, monotonic BOOLEAN,
    attributes JSON, value DOUBLE, point JSON, resource JSON, scope JSON
);

-- From here on: written by the collector's own hand, a few rows at a time.

-- The latest for a model version counts.
CREATE TABLE model_references (
    id VARCHAR NOT NULL, registered_ns BIGINT NOT NULL, model VARCHAR NOT NULL, version VARCHAR NOT NULL,
    binning VARCHAR NOT NULL, rows BIGINT NOT NULL, document JSON NOT NULL
);

-- Every evaluated number. One row per segment, window, measure, feature and revision; the highest revision counts.
CREATE TABLE evaluations (
    evaluated_ns BIGINT NOT NULL, window_start_ns BIGINT NOT NULL, window_end_ns BIGINT NOT NULL,
    revision INTEGER NOT NULL, model VARCHAR NOT NULL, segment VARCHAR NOT NULL,
    measure VARCHAR NOT NULL, feature VARCHAR, verdict VARCHAR, reason VARCHAR, finding BOOLEAN NOT NULL,
    value DOUBLE, lower DOUBLE, upper DOUBLE, p DOUBLE, q DOUBLE, n DOUBLE, n_eff DOUBLE,
    phi DOUBLE, phi_source VARCHAR, coverage DOUBLE, devices BIGINT,
    reference VARCHAR, since_ns BIGINT, details JSON
);

-- Alerts as a log of transitions; the latest for an id counts. `state`: pending | firing | resolved | dropped.
CREATE TABLE alerts (
    changed_ns BIGINT NOT NULL, id VARCHAR NOT NULL, rule VARCHAR NOT NULL, severity VARCHAR NOT NULL,
    segment VARCHAR NOT NULL, measure VARCHAR NOT NULL, state VARCHAR NOT NULL,
    since_ns BIGINT NOT NULL, window_start_ns BIGINT NOT NULL, window_end_ns BIGINT NOT NULL, details JSON NOT NULL
);

-- The outbox of notifiers, as a log; the latest for an id counts. `state`: queued | delivered | failed.
CREATE TABLE notifications (
    changed_ns BIGINT NOT NULL, id VARCHAR NOT NULL, alert VARCHAR NOT NULL, notifier VARCHAR NOT NULL,
    state VARCHAR NOT NULL, attempts INTEGER NOT NULL, next_attempt_ns BIGINT, error VARCHAR, payload JSON NOT NULL
);
