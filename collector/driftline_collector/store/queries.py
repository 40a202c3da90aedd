"""What named reads are written on."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from typing import Any

import pyarrow as pa


class Queries(ABC):
    """Runs SQL, always with bound values. Reads are mixed into a store."""

    @abstractmethod
    def _read(self, query: str, *parameters: Any) -> pa.Table:
        """Rows as Arrow; values stand in order, or by name in one dict."""

    @abstractmethod
    def _read_by_parts(
        self, query: str, parameters: dict[str, Any], work: Callable[[Iterable[pa.RecordBatch]], pa.Table]
    ) -> pa.Table:
        """What `work` makes of the rows, for more than is held at once. It may be done anew."""
