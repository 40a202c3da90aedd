"""Starts the dashboard: `python -m driftline_dashboard --url http://127.0.0.1:4318 --port 8501`."""

import argparse
import os
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from driftline_dashboard import address

_SCRIPT = Path(__file__).with_name("entry") / "main.py"

# All that Streamlit is told, so that no configuration file where it happens to be started counts.
_OPTIONS: dict[str, object] = {
    "browser.gatherUsageStats": False,
    "client.showErrorDetails": "none",
    "client.showErrorLinks": False,
    "client.toolbarMode": "minimal",
    "global.developmentMode": False,
    "logger.hideWelcomeMessage": True,
    "server.fileWatcherType": "none",
    "server.headless": True,
    "server.runOnSave": False,
    "theme.baseFontSize": 15,
}
_LIGHT = {
    "primaryColor": "#0072B2",
    "backgroundColor": "#FFFFFF",
    "secondaryBackgroundColor": "#F4F5F7",
    "textColor": "#1A1D21",
    "linkColor": "#00609A",
    "borderColor": "#DDE1E6",
}
_DARK = {
    "primaryColor": "#56B4E9",
    "backgroundColor": "#14171B",
    "secondaryBackgroundColor": "#1E2328",
    "textColor": "#E7EAEE",
    "linkColor": "#7CC4EE",
    "borderColor": "#363C44",
}
_BOTH = {"baseRadius": "4px", "linkUnderline": False}


def run(*, url: str, host: str = "127.0.0.1", port: int = 8501) -> None:
    """Serve the dashboard of the collector at `url` until the process is asked to stop."""
    from streamlit.web import bootstrap

    from driftline_dashboard import app  # noqa: F401  # now, and not while the first visitor waits

    address.use(url)
    options = {
        **_OPTIONS,
        "server.address": host,
        "server.port": port,
        **{f"theme.light.{name}": value for name, value in {**_LIGHT, **_BOTH}.items()},
        **{f"theme.dark.{name}": value for name, value in {**_DARK, **_BOTH}.items()},
    }
    flags = {name.replace(".", "_"): value for name, value in options.items()}
    bootstrap.load_config_options(flags)
    print(f"driftline dashboard of {url}: http://{host}:{port}", flush=True)  # noqa: T201
    bootstrap.run(str(_SCRIPT), is_hello=False, args=[], flag_options=flags)


def end_with_stdin() -> None:
    """End this process once standard input is closed: whoever started it is gone, if only by SIGKILL."""

    def watch() -> None:
        while os.read(sys.stdin.fileno(), 1024):
            pass
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name="driftline-parent", daemon=True).start()


def main(arguments: Sequence[str] | None = None) -> None:
    """Start the dashboard as the command line says."""
    parser = argparse.ArgumentParser(prog="driftline dashboard", description="Serve the dashboard.")
    parser.add_argument(
        "--url", default=address.DEFAULT_URL, help="where the collector is (default: %(default)s)"
    )
    parser.add_argument("--host", default="127.0.0.1", help="where to listen (default: %(default)s)")
    parser.add_argument("--port", type=int, default=8501, help="port to listen at (default: %(default)s)")
    parser.add_argument("--while-stdin", action="store_true", help="end when standard input is closed")
    given = parser.parse_args(arguments)
    if given.while_stdin:
        end_with_stdin()
    run(url=given.url, host=given.host, port=given.port)


if __name__ == "__main__":
    main()
