"""The `driftline` command. It comes with every install; what it needs comes with an extra."""

import sys

from driftline_collector.memory import spare


def main() -> None:
    """Run the command, or say which extra is missing."""
    spare()
    try:
        from driftline_collector.cli.app import run
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] in ("driftline_collector", "driftline_schemas"):
            raise
        sys.exit(
            f"driftline: this command needs the collector, and {error.name!r} is not installed."
            " Install it with: pip install 'driftline[collector]'"
        )
    sys.exit(run())


if __name__ == "__main__":
    main()
