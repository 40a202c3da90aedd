"""Sends cases to a collector and holds every answer against what a server may say."""

import logging
import queue
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from tests.conformance.answers import MEDIA_TYPES, Answer, GrpcAnswer, HttpAnswer
from tests.conformance.client_grpc import GrpcClient
from tests.conformance.client_http import HttpConnection
from tests.conformance.registry import Failed
from tests.hostile.cases import Case, case

#: A fault of ours is none of the client's: these words are said of nothing else.
_OUR_FAULTS = ("unexpected fault", "cannot be read:", "database")
_HTTP = {200, 400, 413, 415}
_GRPC = {"OK", "INVALID_ARGUMENT", "RESOURCE_EXHAUSTED"}
_TIMEOUT_S = 30.0


class Fuzzer:
    """A few clients on one server; `seen` counts answers, `complaints` tells of those that are wrong."""

    def __init__(self, url: str, grpc: str, clients: int = 8) -> None:
        self._url = url
        self._clients = clients
        self._grpc = GrpcClient(grpc, _TIMEOUT_S, {})
        self.seen: Counter[str] = Counter()
        self.wrong: queue.SimpleQueue[str] = queue.SimpleQueue()

    def run(self, seeds: Iterable[int]) -> None:
        """Send the cases of all seeds, several at a time."""
        with self._grpc, ThreadPoolExecutor(self._clients) as pool:
            for outcome in pool.map(self._try, seeds):
                self.seen[outcome] += 1

    def complaints(self) -> list[str]:
        """What went wrong, each with its seed."""
        return [self.wrong.get() for _ in range(self.wrong.qsize())]

    def _try(self, seed: int) -> str:
        tried = case(seed)
        try:
            for _ in range(50):
                answer = self._send(tried)
                if not answer.refused_for_load or "database" in answer.status().message:
                    break
            code, fine = _judged(answer)
        except Failed as failure:
            code, fine = f"{tried.transport}: {failure}", False
        if not fine:
            self.wrong.put(f"seed {seed}: {tried.transport} {tried.signal} {tried.headers}: {code}")
        return code[:40]

    def _send(self, tried: Case) -> Answer:
        if tried.transport == "grpc":
            return self._grpc.export(tried.signal, tried.body, gzip=tried.gzip)
        # A connection each: what one request leaves behind is tried by the conformance suite.
        with HttpConnection(self._url, _TIMEOUT_S) as connection:
            headers = {"Content-Type": MEDIA_TYPES[tried.transport], **tried.headers}
            return connection.request("POST", f"/v1/{tried.signal}", headers, tried.body)


def _judged(answer: Answer) -> tuple[str, bool]:
    """The code of an answer, with its message where that is not fine."""
    if isinstance(answer, GrpcAnswer):
        known, code = answer.code in _GRPC, answer.code
    else:
        assert isinstance(answer, HttpAnswer)
        known, code = answer.code in _HTTP, str(answer.code)
    if answer.accepted:
        return code, True
    message = answer.status().message
    fine = known and not any(words in message for words in _OUR_FAULTS)
    return (code, True) if fine else (f"{code} {message}", False)


@contextmanager
def errors_logged() -> Iterator[list[str]]:
    """What driftline and the server log as an error meanwhile."""
    found: list[str] = []

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            found.append(self.format(record))

    handler = Handler(logging.ERROR)
    loggers = [
        logging.getLogger(name) for name in ("driftline_collector", "uvicorn.error", "asyncio", "grpc")
    ]
    for logger in loggers:
        logger.addHandler(handler)
    try:
        yield found
    finally:
        for logger in loggers:
            logger.removeHandler(handler)
