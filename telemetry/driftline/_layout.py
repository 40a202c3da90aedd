"""Which features there are, in which order: learnt from a reference, or from the first rows."""

import threading
from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter
from typing import Any

import numpy as np
import numpy.typing as npt
from driftline_schemas.binning import RESERVED

from driftline._intake import Drops
from driftline._privacy import Privacy

#: A model with more inputs than this wants an embedding of them, not a histogram each.
MAX_FEATURES = 1000

Values = tuple[Any, ...]


class Layout:
    """The order of the features. It only grows, so a row of k values has the first k names.

    `fast` is a reader in C, from a mapping that has all names to their values, and how long such a mapping
    is; one attribute, so that a thread never sees the one without the other. All else goes through `reread`.
    """

    def __init__(self, names: Sequence[str], privacy: Privacy, drops: Drops) -> None:
        self._privacy = privacy
        self._drops = drops
        self._lock = threading.Lock()
        self._set(tuple(name for name in names if privacy.permits(name)))

    def _set(self, names: tuple[str, ...]) -> None:
        self.names = names
        self._known = frozenset(names)
        self.fast: tuple[Callable[[Any], Values], int] = (_reader(names), len(names))

    def reread(self, features: Mapping[str, Any]) -> Values:
        """Read a row that has other names than the last ones; what is absent becomes `None`."""
        if not isinstance(features, Mapping):
            raise TypeError(f"features is a {type(features).__name__}; expected a mapping of name → value")
        self._learn(features)
        if self._known <= features.keys():
            # Only features that may not leave are left over: rows of this length are read in C from now on.
            self.fast = (self.fast[0], len(features))
        return tuple(map(features.get, self.names))

    def columns(self, features: Any, names: Sequence[str] | None) -> tuple[list[Any] | npt.NDArray[Any], int]:
        """Columns in the layout's order, copied, and their length; a table of shape (features, rows) where
        numbers came as one that has all features. Raises TypeError or ValueError."""
        if not isinstance(features, Mapping):
            table = np.array(features)
            names = self.names if names is None else names
            if table.ndim != 2 or table.shape[1] != len(names):
                raise ValueError(
                    f"features of shape {table.shape} do not fit {len(names)} names; give an array of shape "
                    "(rows, features) in the reference's order, or names=[…], or a mapping of name → column"
                )
            if table.dtype.kind in "fiu" and tuple(names) == self.names:
                return table.T, len(table)
            features = dict(zip(names, table.T, strict=True))
        else:
            features = {name: _copied(column) for name, column in features.items()}
        lengths = {len(column) for column in features.values()}
        if len(lengths) > 1:
            raise ValueError(f"columns of different lengths: {sorted(lengths)}")
        self._learn(features)
        return [features.get(name) for name in self.names], lengths.pop() if lengths else 0

    def _learn(self, features: Mapping[Any, Any]) -> None:
        if features.keys() <= self._known:
            return
        with self._lock:
            unknown = [name for name in features if name not in self._known]
            if wrong := [name for name in unknown if not isinstance(name, str)]:
                raise TypeError(f"feature name {wrong[0]!r} is no text")
            if reserved := set(unknown) & set(RESERVED):
                raise ValueError(f"{min(reserved)!r} is no name for a feature: it is that of an answer")
            new = [name for name in unknown if self._privacy.permits(name)]
            room = MAX_FEATURES - len(self.names)
            if len(new) > room:
                self._drops.add("too_many_features", "metrics", len(new) - room)
            if new[:room]:
                self._set((*self.names, *new[:room]))

    def after_fork(self) -> None:
        """The parent may have been learning just then."""
        self._lock = threading.Lock()


def _reader(names: tuple[str, ...]) -> Callable[[Any], Values]:
    if len(names) > 1:
        return itemgetter(*names)
    if names:
        only = names[0]
        return lambda features: (features[only],)
    return lambda _: ()


def _copied(column: Any) -> Any:
    return column.copy() if isinstance(column, np.ndarray) else list(column)


def answers(name: str, column: Any, rows: int) -> Any:
    """A column of the model's answers, copied. Raises ValueError where it has another length."""
    if column is None:
        return None
    if len(column) != rows:
        raise ValueError(f"{len(column)} {name} for {rows} rows")
    return _copied(column)
