"""What named reads are written on."""

from abc import ABC, abstractmethod
from typing import Any

import pyarrow as pa


class Queries(ABC):
    """Runs SQL, always with bound values. Reads are mixed into a store."""

    @abstractmethod
    def _read(self, query: str, *parameters: Any) -> pa.Table:
        """Rows as Arrow; values stand in order, or by name in one dict."""
