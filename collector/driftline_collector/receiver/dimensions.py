"""Who speaks: the resource's attributes as the columns that every table begins with.

Worked out once per resource and spread over its records as dictionary indices, which cost nothing.
"""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from driftline_schemas import attributes as names
from driftline_schemas.segments import UNKNOWN

from driftline_collector.receiver import json_text
from driftline_collector.receiver.columns import LARGEST_COUNT, Attributes, Index, Records, offsets, take
from driftline_collector.store.batch import NumberedSignal, Numbers

#: Which attribute gives a dimension, and what stands in for it.
_DIMENSIONS = {
    "model": (names.MODEL_NAME,),
    "version": (names.MODEL_VERSION,),
    "device": (names.DEVICE_ID,),
    "device_type": (names.DEVICE_TYPE, *names.DEVICE_TYPE_FALLBACKS),
    "region": (names.DEVICE_REGION, *names.DEVICE_REGION_FALLBACKS),
    "tier": (names.TIER,),
}
_SEGMENT_TYPE = pa.map_(pa.string(), pa.string())


@dataclass(frozen=True, eq=False)
class Sources:
    """The resources and scopes of a batch as columns."""

    resources: Attributes
    records: Records
    _told: dict[str, pa.Array] = field(default_factory=dict, init=False)

    @classmethod
    def of(cls, records: Records) -> "Sources":
        """Read the resources of `records`."""
        return cls(Attributes(records.resources.field("resource").field("attributes")), records)

    def dimensions(self, resource: Index, own: Attributes | None = None) -> dict[str, pa.Array]:
        """Model to tier for records of these resources; a model attribute of the record's own wins."""
        index = pa.array(resource.astype(np.int32))  # of all, which `folding` makes use of
        columns = {
            name: pa.DictionaryArray.from_arrays(index, column) for name, column in self._dimensions.items()
        }
        if own is None:
            return columns
        for name in ("model", "version"):
            told = own.text(*_DIMENSIONS[name])
            if told.null_count < len(told):
                # Encoded again, as tables of points that tell a model and of others are put together.
                columns[name] = pc.coalesce(told, columns[name].cast(pa.string())).dictionary_encode()
        return columns

    def optional(self, key: str, resource: Index) -> pa.Array:
        """A resource attribute for records of these resources, null where it is not told."""
        if key not in self._told:
            self._told[key] = self.resources.text(key)
        return _spread(self._told[key], resource)

    def segment(self, resource: Index) -> pa.Array:
        """The user's own dimensions, as a map from name to value; null where there are none."""
        if self._segments.null_count == len(self._segments):
            return pa.nulls(len(resource), _SEGMENT_TYPE)
        return take(self._segments, resource)

    def text(self, resource: Index) -> pa.Array:
        """The resource's attributes as a JSON object."""
        return _spread(self._text, resource)

    def scope(self, scope: Index) -> pa.Array:
        """The scope as a JSON object: name, version, attributes, schema_url."""
        return _spread(self._scope, scope)

    def numbers(self, signal: NumberedSignal, resource: Index, sequence: npt.NDArray[np.int64]) -> Numbers:
        """Stream and sequence of such records; those without either, or out of range, have none."""
        streams, code = self._streams
        numbered = (sequence > 0) & (sequence <= LARGEST_COUNT)
        return Numbers(signal, streams, np.where(numbered, code[resource], np.int32(-1)), sequence)

    @cached_property
    def _dimensions(self) -> dict[str, pa.Array]:
        return {name: self.resources.text(*keys).fill_null(UNKNOWN) for name, keys in _DIMENSIONS.items()}

    @cached_property
    def _streams(self) -> tuple[tuple[str, ...], npt.NDArray[np.int32]]:
        """The streams, and which one each resource has; -1 where it has none."""
        streams = self.resources.text(names.STREAM_ID).dictionary_encode()
        return tuple(streams.dictionary.to_pylist()), np.asarray(streams.indices.fill_null(-1), np.int32)

    @cached_property
    def _text(self) -> pa.Array:
        return json_text.objects(self.resources)

    @cached_property
    def _scope(self) -> pa.Array:
        scopes = self.records.scopes
        fields = {
            "name": json_text.quoted(scopes.field("scope").field("name")),
            "version": json_text.quoted(scopes.field("scope").field("version")),
            "attributes": json_text.objects(Attributes(scopes.field("scope").field("attributes"))),
            "schema_url": json_text.quoted(scopes.field("schema_url")),
        }
        return json_text.record(fields)

    @cached_property
    def _segments(self) -> pa.Array:
        own = self.resources
        chosen = own.any_of(lambda key: key.startswith(names.SEGMENT_PREFIX))
        chosen &= np.asarray(own.values.field("string_value").is_valid())
        # A map cannot hold a key twice: the last one counts, as for any attribute.
        last: dict[tuple[int, int], int] = {
            (int(own.row[at]), int(own.codes[at])): int(at) for at in np.flatnonzero(chosen)
        }
        at = np.sort(np.fromiter(last.values(), np.int64, len(last)))
        if not len(at):
            return pa.nulls(own.rows, _SEGMENT_TYPE)
        short = pa.array([name.removeprefix(names.SEGMENT_PREFIX) for name in own.names])
        keys = short.take(pa.array(own.codes[at]))
        values = own.values.field("string_value").take(pa.array(at))
        return pa.MapArray.from_arrays(offsets(own.row[at], own.rows), keys, values)


def _spread(column: pa.Array, index: Index) -> pa.Array:
    """`column` at `index`, as a dictionary array."""
    return pa.DictionaryArray.from_arrays(pa.array(index.astype(np.int32)), column)
