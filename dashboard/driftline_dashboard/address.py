"""Where the collector is: one address for the process, as one command starts it."""

DEFAULT_URL = "http://127.0.0.1:4318"


class _Address:
    url = DEFAULT_URL


def use(url: str) -> None:
    """Ask the collector at this address from now on."""
    _Address.url = url.rstrip("/")


def collector_url() -> str:
    """Where the collector is asked."""
    return _Address.url
