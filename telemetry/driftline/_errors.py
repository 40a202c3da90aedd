"""What driftline raises. After construction a Monitor raises nothing: it counts (see `_monitor.py`)."""


class ConfigurationError(ValueError):
    """A Monitor cannot be made from what it was given; the message says which argument, and what to do."""
