"""What the id of a prediction tells by itself."""

import uuid


def made_ns(prediction: str) -> int | None:
    """The time in a UUIDv7, in ns; None where the id is none."""
    try:
        found = uuid.UUID(prediction)
    except ValueError:
        return None
    return (found.int >> 80) * 10**6 if found.version == 7 else None
