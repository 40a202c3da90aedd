"""How many parts a request has, guessed before it is parsed.

Two bytes of protobuf are an empty log record, three of JSON an empty object; in memory each takes a hundred.
So 64 MiB that unpack from 64 KiB could take gigabytes, and a request of very many parts is refused unseen.
"""

import numpy as np

from driftline_collector.receiver.answers import TooManyError

MOST_PARTS = 4_000_000
#: Ever so many parts do not fit into less.
_SMALL = 2 * MOST_PARTS
_LENGTH_DELIMITED = 2
_SHORT = 8
_WINDOW = 2**20


def require_few_parts(body: bytes) -> None:
    """Raise TooManyError for protobuf of too many short parts: bytes like a tag and a length after it."""
    if len(body) <= _SMALL:
        return
    found = 0
    for start in range(0, len(body), _WINDOW):
        window = np.frombuffer(body, np.uint8, min(_WINDOW + 1, len(body) - start), start)
        tags = (window[:-1] & 7) == _LENGTH_DELIMITED
        found += int(np.count_nonzero(tags & (window[1:] < _SHORT)))
    if found > MOST_PARTS:
        raise TooManyError(MOST_PARTS)


def require_few_json_parts(body: bytes) -> None:
    """Raise TooManyError for JSON of too many objects and lists."""
    if len(body) > _SMALL and body.count(b"{") + body.count(b"[") > MOST_PARTS:
        raise TooManyError(MOST_PARTS)
