"""Every attribute key, event name and metric name that driftline puts on the wire.

The only place where they are spelled. `registry/*.yaml` says the same as an OpenTelemetry
semantic-convention registry, for other languages; a test holds the two equal.
"""

from typing import Final

SCHEMA_URL: Final = "https://driftline.dev/schemas/0.1.0"
SCOPE_NAME: Final = "driftline"
#: Beside W3C's `traceparent`, on a request that escalates: the id of the prediction at the edge.
PREDICTION_HEADER: Final = "driftline-prediction-id"
#: The name of the span around an inference.
SPAN_INFERENCE: Final = "driftline.inference"

# -- resource: who speaks ------------------------------------------------------------------------
SERVICE_NAME: Final = "service.name"
SERVICE_VERSION: Final = "service.version"
DEPLOYMENT_ENVIRONMENT: Final = "deployment.environment.name"
DEVICE_ID: Final = "device.id"
DEVICE_TYPE: Final = "driftline.device.type"
DEVICE_REGION: Final = "driftline.device.region"
FIRMWARE_VERSION: Final = "driftline.firmware.version"
TIER: Final = "driftline.tier"
MODEL_NAME: Final = "driftline.model.name"
MODEL_VERSION: Final = "driftline.model.version"
SEGMENT_PREFIX: Final = "driftline.segment."
STREAM_ID: Final = "driftline.stream.id"

# Where another SDK has set no driftline attribute, the first of these that is present stands in.
DEVICE_TYPE_FALLBACKS: Final = ("device.model.identifier",)
DEVICE_REGION_FALLBACKS: Final = ("geo.region.iso_code", "cloud.region")

TIERS: Final = ("client_edge", "device_edge", "network_edge", "regional_cloud", "cloud")

# -- events: log records with an event_name ----------------------------------------------------------
EVENT_PREDICTION: Final = "driftline.prediction"
EVENT_GROUND_TRUTH: Final = "driftline.ground_truth"
EVENT_DEPLOYMENT: Final = "driftline.deployment"
EVENT_STREAM: Final = "driftline.stream"

PREDICTION_ID: Final = "driftline.prediction.id"
PREDICTION_LABEL: Final = "driftline.prediction.label"
PREDICTION_VALUE: Final = "driftline.prediction.value"
PREDICTION_SCORE: Final = "driftline.prediction.score"
PREDICTION_DURATION: Final = "driftline.prediction.duration"
PREDICTION_PARENT_ID: Final = "driftline.prediction.parent_id"
FEATURE_PREFIX: Final = "driftline.features."
ESCALATION_LABEL: Final = "driftline.escalation.label"
ESCALATION_SCORE: Final = "driftline.escalation.score"
ESCALATION_REASON: Final = "driftline.escalation.reason"
SAMPLE_PROBABILITY: Final = "driftline.sample.probability"
SAMPLE_REASONS: Final = "driftline.sample.reasons"
SEQUENCE: Final = "driftline.sequence"

GROUND_TRUTH_LABEL: Final = "driftline.ground_truth.label"
GROUND_TRUTH_VALUE: Final = "driftline.ground_truth.value"
GROUND_TRUTH_SOURCE: Final = "driftline.ground_truth.source"
GROUND_TRUTH_PROBABILITY: Final = "driftline.ground_truth.probability"

DEPLOYMENT_KIND: Final = "driftline.deployment.kind"
DEPLOYMENT_FROM: Final = "driftline.deployment.from"
DEPLOYMENT_TO: Final = "driftline.deployment.to"

# `driftline.stream`: phase "start" or "end" of the stream itself, "gap" where its spool had to drop something
# and it goes on, or "closed": what its successor on the device found of a stream that died without a word.
STREAM_PHASE: Final = "driftline.stream.phase"
STREAM_CLOSED_ID: Final = "driftline.stream.closed.id"
STREAM_LAST_LOG: Final = "driftline.stream.last_sequence.logs"
STREAM_LAST_SPAN: Final = "driftline.stream.last_sequence.traces"
STREAM_LAST_WINDOW_END: Final = "driftline.stream.last_window_end"
STREAM_PREDICTIONS_MADE: Final = "driftline.stream.predictions.made"
STREAM_PREDICTIONS_PROFILED: Final = "driftline.stream.predictions.profiled"
STREAM_PREDICTIONS_RESERVED: Final = "driftline.stream.predictions.reserved"
STREAM_TOMBSTONES_LOGS: Final = "driftline.stream.tombstones.logs"
STREAM_TOMBSTONES_SPANS: Final = "driftline.stream.tombstones.traces"
STREAM_PHASES: Final = ("start", "gap", "end", "closed")

# -- metrics: profiles of all traffic, delta temporality --------------------------------------------
PROFILE_BINS: Final = "driftline.profile.bins"
PROFILE_FEATURE: Final = "driftline.profile.feature"
PROFILE_SCORE: Final = "driftline.profile.score"
PROFILE_VALUE: Final = "driftline.profile.value"
PROFILE_DURATION: Final = "driftline.profile.duration"
PROFILE_CATEGORY: Final = "driftline.profile.category"
PROFILE_MISSING: Final = "driftline.profile.missing"
PROFILE_PREDICTIONS: Final = "driftline.profile.predictions"
PROFILE_ESCALATIONS: Final = "driftline.profile.escalations"
PROFILE_PREFIX: Final = "driftline.profile."

FEATURE_NAME: Final = "driftline.feature.name"
FEATURE_CATEGORY: Final = "driftline.feature.category"
LABEL: Final = "driftline.label"
BINNING_ID: Final = "driftline.binning.id"

# The SDK about itself.
SDK_DROPPED: Final = "driftline.sdk.dropped"
SDK_SPOOL_BYTES: Final = "driftline.sdk.spool.bytes"
SDK_SPOOL_AGE: Final = "driftline.sdk.spool.age"
SDK_PREFIX: Final = "driftline.sdk."
DROP_REASON: Final = "driftline.drop.reason"
DROP_SIGNAL: Final = "driftline.drop.signal"

EVENTS: Final = (EVENT_PREDICTION, EVENT_GROUND_TRUTH, EVENT_DEPLOYMENT, EVENT_STREAM)
#: The unit of each metric, in UCUM.
UNITS: Final = {
    PROFILE_BINS: "1",
    PROFILE_FEATURE: "1",
    PROFILE_SCORE: "1",
    PROFILE_VALUE: "1",
    PROFILE_DURATION: "s",
    PROFILE_CATEGORY: "{value}",
    PROFILE_MISSING: "{value}",
    PROFILE_PREDICTIONS: "{prediction}",
    PROFILE_ESCALATIONS: "{prediction}",
    SDK_DROPPED: "{record}",
    SDK_SPOOL_BYTES: "By",
    SDK_SPOOL_AGE: "s",
}
METRICS: Final = tuple(UNITS)
