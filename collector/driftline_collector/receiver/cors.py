"""Which web pages may send telemetry from a browser: Fetch's CORS protocol, for origins that are named."""

import re
from collections.abc import Collection, Mapping

Header = tuple[bytes, bytes]

#: How long a browser may remember a preflight: two hours, the most that Chromium keeps one.
_MAX_AGE_S = 7200
_NAMES = re.compile(rb"[\w!#$%&'*+.^`|~, -]{0,1000}", re.ASCII)


class Cors:
    """Lets pages of these origins in, such as `https://shop.example`, and no others."""

    def __init__(self, origins: Collection[str]) -> None:
        self._origins = frozenset(origin.encode() for origin in origins)

    def headers(self, request: Mapping[bytes, bytes]) -> list[Header]:
        """What goes with the answer to a request, be it a success or a failure."""
        if not self._origins:
            return []
        headers = [(b"vary", b"Origin")]
        if self._lets_in(request):
            headers.append((b"access-control-allow-origin", request[b"origin"]))
            headers.append((b"access-control-expose-headers", b"Retry-After"))
        return headers

    def preflight(self, request: Mapping[bytes, bytes]) -> list[Header] | None:
        """The answer's headers where an OPTIONS request asks for a page that is let in, else None.

        Which headers the page may set is its own matter: they are what it asks for.
        """
        asked = request.get(b"access-control-request-headers", b"")
        if (
            b"access-control-request-method" not in request
            or not self._lets_in(request)
            or not _NAMES.fullmatch(asked)
        ):
            return None
        return [
            (b"access-control-allow-methods", b"POST"),
            (b"access-control-allow-headers", asked or b"Content-Type, Content-Encoding"),
            (b"access-control-max-age", str(_MAX_AGE_S).encode()),
        ]

    def _lets_in(self, request: Mapping[bytes, bytes]) -> bool:
        return request.get(b"origin") in self._origins
