"""Ways out: each notifier sends one message and says what the answer means."""

from dataclasses import dataclass
from enum import Enum
from typing import Protocol


class Answer(Enum):
    """What to do after an attempt."""

    DELIVERED = "delivered"
    RETRY = "retry"  #: a passing fault: for days
    RETRY_BRIEFLY = "retry briefly"  #: it was refused; a few times, should somebody mend it at once
    GONE = "gone"  #: the receiver wants no more, ever


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an attempt went. `detail` is for people; `retry_after_s` what the receiver asked for."""

    answer: Answer
    detail: str | None = None
    retry_after_s: float | None = None


class Notifier(Protocol):
    """Something that can be told. `send` raises nothing: what goes wrong is an outcome."""

    @property
    def name(self) -> str:
        """How rules name it."""

    def send(self, message_id: str, payload: str, now_ns: int) -> Outcome:
        """Send a message, JSON text. A repeated attempt comes with the same id."""

    def close(self) -> None:
        """Let go of connections."""
