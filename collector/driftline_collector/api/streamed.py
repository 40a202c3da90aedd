"""Answers that are made while they are sent, and let go of what they are made from whatever happens."""

import logging
from collections.abc import Callable, Iterator

from starlette.concurrency import run_in_threadpool
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from driftline_collector.errors import StoreError

_log = logging.getLogger(__name__)


class Streamed(StreamingResponse):
    """`chunks` as they come, then `close`, also where the client goes away.

    Where the store fails amid them, the connection is cut before the end of the answer: clients see that.
    """

    def __init__(self, chunks: Iterator[bytes], close: Callable[[], None], *, media_type: str) -> None:
        super().__init__(chunks, media_type=media_type)
        self._close = close

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        except StoreError as error:
            _log.error("%s breaks off: %s", scope["path"], error)
        finally:
            await run_in_threadpool(self._close)
