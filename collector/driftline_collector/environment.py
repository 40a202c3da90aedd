"""What the environment says: where the settings are, and where commands find their collector.

Apart from the settings themselves, so that a command that only asks a collector need not load what runs one.
Nothing but these two reads the environment.
"""

import os
from pathlib import Path

PREFIX = "DRIFTLINE_"
DEFAULT_FILE = Path("driftline.yaml")
DEFAULT_URL = "http://127.0.0.1:4318"


def variables() -> dict[str, str]:
    """All variables, ours and others'."""
    return dict(os.environ)


def default_file() -> Path | None:
    """`$DRIFTLINE_CONFIG`, else `driftline.yaml` in the working directory, where there is one."""
    if named := os.environ.get(f"{PREFIX}CONFIG"):
        return Path(named)
    return DEFAULT_FILE if DEFAULT_FILE.exists() else None


def collector_url() -> str:
    """Where commands find the collector: `$DRIFTLINE_URL`, else the default address."""
    return os.environ.get(f"{PREFIX}URL") or DEFAULT_URL


def untracked() -> None:
    """Have packages of others send nothing about their use from this process (consoledonottrack.com)."""
    os.environ["DO_NOT_TRACK"] = "1"
