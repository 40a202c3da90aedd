"""What every test shares: how hypothesis searches."""

from hypothesis import settings

# The same examples on every machine, and no deadline: a slow moment of a shared machine is not a failure.
settings.register_profile("driftline", deadline=None, derandomize=True)
settings.load_profile("driftline")
