"""What only the operator may ask for: who is on the collector's own machine. There are no tokens yet."""

from ipaddress import IPv6Address, ip_address
from typing import Any

from fastapi import Request

from driftline_collector.api.parts import Parts
from driftline_collector.api.problems import ProblemError
from driftline_collector.store.operated import Operated

#: What proxies add: behind one of them everybody comes from this machine.
_FORWARDED = ("forwarded", "x-forwarded-for", "x-real-ip", "via")
RESPONSES: dict[int | str, dict[str, Any]] = {
    403: {"description": "It is asked from another machine, or through a browser or a proxy"}
}


def only_local(request: Request) -> None:
    """Refuse whoever is elsewhere, comes through a proxy, or is a page in a browser on this machine."""
    client = request.client.host if request.client else ""
    through = next((name for name in (*_FORWARDED, "origin") if name in request.headers), None)
    if through or not _is_loopback(client) or not _is_loopback(request.url.hostname or ""):
        came = f"this one came with the header {through!r}" if through else f"this one came from {client}"
        raise ProblemError(
            403,
            f"only who is on the collector's own machine may ask for this, and {came};"
            " run the command there, with --url http://127.0.0.1:4318 (over ssh, or in the container)",
        )


def operated(parts: Parts) -> Operated:
    """What the operator asks."""
    if parts.operated is None:
        raise ProblemError(503, "this store is only read; ask the collector that writes to it")
    return parts.operated


def _is_loopback(host: str) -> bool:
    try:
        address = ip_address(host)
    except ValueError:
        return host == "localhost"
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return (mapped or address).is_loopback
