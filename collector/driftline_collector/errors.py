"""What the collector raises. Each message says what is wrong, where, and what to do.

CollectorError
├── SettingsError      the configuration is wrong; nothing was started
├── StoreError         the database cannot be opened, read or written
├── StartError         something else stands in the way of a start, such as a port in use
└── ClientError        a collector that was asked over HTTP is not there or said no
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


class CollectorError(Exception):
    """Anything that the collector raises on purpose."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake in a configuration. `line` counts from 1, 0 where there is none."""

    where: str
    line: int
    key: str
    message: str

    def __str__(self) -> str:
        place = f"{self.where}:{self.line}" if self.line else self.where
        return f"{place}: {self.key}: {self.message}" if self.key else f"{place}: {self.message}"


class SettingsError(CollectorError):
    """The configuration is wrong: every mistake that was found, in order of their lines."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = problems


class StoreError(CollectorError):
    """The database cannot be opened, read or written."""


class StartError(CollectorError):
    """Something outside stands in the way of a start."""


class ClientError(CollectorError):
    """A collector that was asked over HTTP is not there, or said no.

    `status` is the HTTP status, None where there was no answer at all; `errors` are the parts of a problem.
    """

    def __init__(
        self, message: str, *, status: int | None = None, errors: Sequence[Mapping[str, Any]] = ()
    ) -> None:
        super().__init__(message)
        self.status = status
        self.errors = tuple(errors)
