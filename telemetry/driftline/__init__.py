"""The SDK that runs beside a model and tells a collector what the model saw and answered."""

from driftline_schemas.binning import Binning, FeatureBinning
from driftline_schemas.errors import SchemaError
from driftline_schemas.reference import Reference

from driftline._breaker import Limits
from driftline._drain import Drain
from driftline._errors import ConfigurationError
from driftline._handle import Batch, Handle
from driftline._inference import Inference
from driftline._monitor import Monitor
from driftline._privacy import Privacy
from driftline._settings import Device

__all__ = [
    "Batch",
    "Binning",
    "ConfigurationError",
    "Device",
    "Drain",
    "FeatureBinning",
    "Handle",
    "Inference",
    "Limits",
    "Monitor",
    "Privacy",
    "Reference",
    "SchemaError",
]
