"""Records of one layout → columns of `predictions`: every value of a kind is sliced out at once."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from driftline_schemas import attributes as names

from driftline_collector.receiver.columns import Index, Mask, constant, ids, times
from driftline_collector.receiver.layout import Layout, Slot
from driftline_collector.receiver.predictions import LABELS, NUMBERS, TEXTS, feature_sets

Bytes = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """Records of one layout: the resource of each, and its values, a row of bytes each."""

    layout: Layout
    resource: Index
    values: Bytes

    def __len__(self) -> int:
        return len(self.resource)

    def time(self, received_ns: int) -> pa.Array:
        """When each prediction was made: as told, else as observed, else when it was received."""
        told = np.zeros(len(self), np.int64)
        for at in (self.layout.time, self.layout.observed):
            if at is not None and not told.all():
                told = np.where(told == 0, times(pa.array(self._words(at))), told)
        return pa.array(np.where(told == 0, received_ns, told))

    def identity(self, at: int | None, width: int) -> pa.Array:
        """Trace or span ids; null where there is none."""
        if at is None:
            return pa.nulls(len(self), pa.binary())
        made = self._slices([Slot("text", at, width)], pa.binary())
        # All zero is none, which is seldom, and `ids` takes longer to look for it.
        words = [self._words(word) for word in range(at, at + width, 8)]
        return made if np.bitwise_or.reduce(words).all() else ids(made, width)

    def sequence(self) -> npt.NDArray[np.int64]:
        """The records' numbers; 0 where they have none."""
        slot = self.layout.slots.get(names.SEQUENCE)
        return np.zeros(len(self), np.int64) if slot is None else self._integers(slot)

    def text(self, key: str) -> pa.Array:
        """The strings under a key; null where the layout has none, or empty ones."""
        slot = self.layout.slots.get(key)
        return self.label(key) if slot and slot.size else pa.nulls(len(self), pa.string())

    def label(self, key: str) -> pa.Array:
        """The strings under a key; null where the layout has none."""
        slot = self.layout.slots.get(key)
        return pa.nulls(len(self), pa.string()) if slot is None else self._slices([slot], pa.string())

    def number(self, key: str) -> pa.Array:
        """The numbers under a key, as float64; null where the layout has none."""
        slot = self.layout.slots.get(key)
        return pa.nulls(len(self), pa.float64()) if slot is None else pa.array(self._doubles(slot))

    def reasons(self) -> pa.Array:
        """Why each was chosen, which is the same in all of a layout."""
        return constant(self.layout.reasons, len(self), pa.list_(pa.string()))

    def improbable(self) -> Mask:
        """Which have a probability of the sample that is none."""
        slot = self.layout.slots.get(names.SAMPLE_PROBABILITY)
        told = np.ones(len(self)) if slot is None else self._doubles(slot)
        return ~((told > 0) & (told <= 1))

    def numbers(self) -> pa.Array:
        """The numeric and boolean features in order, a list each."""
        slots = [slot for _, slot in self.layout.features if slot.kind in {"double", "int", "bool"}]
        table = np.empty((len(self), len(slots)))
        for column, slot in enumerate(slots):
            table[:, column] = self._doubles(slot)
        return _lists(pa.array(table.ravel()), len(self), len(slots))

    def texts(self) -> pa.Array:
        """The textual features in order, a list each."""
        slots = [slot for _, slot in self.layout.features if slot.kind == "text"]
        items = self._slices(slots, pa.string()) if slots else pa.nulls(0, pa.string())
        return _lists(items, len(self), len(slots))

    def _words(self, at: int) -> npt.NDArray[np.uint64]:
        return np.ascontiguousarray(self.values[:, at : at + 8]).view("<u8")[:, 0]

    def _doubles(self, slot: Slot) -> npt.NDArray[np.float64]:
        if slot.kind == "double":
            return self._words(slot.at).view(np.float64)
        return self._integers(slot).astype(np.float64)

    def _integers(self, slot: Slot) -> npt.NDArray[np.int64]:
        found = np.zeros(len(self), np.uint64)
        for place in range(slot.size):
            digit = (self.values[:, slot.at + place] & np.uint8(0x7F)).astype(np.uint64)
            found |= digit << np.uint64(7 * place)
        return found.view(np.int64)

    def _slices(self, slots: Sequence[Slot], kind: pa.DataType) -> pa.Array:
        """The bytes of all slots of the first record, then of the second, as strings."""
        data = np.concatenate([self.values[:, slot.at : slot.at + slot.size] for slot in slots], axis=1)
        first = np.cumsum([0, *(slot.size for slot in slots[:-1])])
        starts = np.append(np.arange(len(self))[:, None] * data.shape[1] + first, data.size).astype(np.int32)
        return pa.Array.from_buffers(kind, len(starts) - 1, [None, pa.py_buffer(starts), pa.py_buffer(data)])


def own_columns(parts: Sequence[Part], received_ns: int) -> dict[str, pa.Array]:
    """What predictions tell themselves, part after part; without what none of them tells."""
    told = {key for part in parts for key in part.layout.slots}
    made = {
        "time_ns": [part.time(received_ns) for part in parts],
        "trace_id": [part.identity(part.layout.trace_id, 16) for part in parts],
        "span_id": [part.identity(part.layout.span_id, 8) for part in parts],
        **{name: [part.text(key) for part in parts] for name, key in TEXTS.items() if key in told},
        **{name: [part.label(key) for part in parts] for name, key in LABELS.items() if key in told},
        **{name: [part.number(key) for part in parts] for name, key in NUMBERS.items() if key in told},
        "reasons": [part.reasons() for part in parts],
        "feature_set": [constant(part.layout.feature_set, len(part), pa.int64()) for part in parts],
        "numbers": [part.numbers() for part in parts],
        "texts": [part.texts() for part in parts],
    }
    if len(parts) == 1:
        return {name: array for name, (array,) in made.items()}
    return {name: pa.concat_arrays(arrays) for name, arrays in made.items()}


def sets_of(parts: Iterable[Part]) -> pa.Table:
    """The feature sets that occur."""
    layouts = {part.layout.feature_set: part.layout for part in parts}.values()
    return feature_sets([([name for name, _ in layout.features], layout.types) for layout in layouts])


def _lists(items: pa.Array, rows: int, width: int) -> pa.Array:
    return pa.ListArray.from_arrays(pa.array(np.arange(rows + 1, dtype=np.int32) * width), items)
