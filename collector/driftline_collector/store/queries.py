"""What named reads are written on."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any

import pyarrow as pa


class Queries(ABC):
    """Runs SQL, always with bound values. Reads are mixed into a store."""

    @abstractmethod
    def _read(self, query: str, *parameters: Any) -> pa.Table:
        """Rows as Arrow; values stand in order, or by name in one dict."""

    @abstractmethod
    def _stream(self, query: str, parameters: dict[str, Any]) -> Iterator[pa.RecordBatch]:
        """The same a part at a time, for what is too much to hold at once; values stand by name."""
