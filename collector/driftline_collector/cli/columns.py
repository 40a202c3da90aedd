"""Reads columns from CSV, Parquet and npz files, as `Reference.from_data` takes them."""

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
from driftline_schemas.errors import SchemaError

Column = Sequence[Any] | npt.NDArray[Any]
_ENDINGS = ".csv, .parquet or .npz"
_BATCH_ROWS = 10_000


def read_columns(path: Path, *, texts: Sequence[str] = ()) -> dict[str, Column]:
    """Columns by name: float64 arrays (absent: NaN) for numbers, lists for all else.

    Times that tell no time zone are `datetime64`, others datetimes. `texts` are columns that hold names even
    where they look like numbers. Raises SchemaError.
    """
    readers = {".csv": _csv, ".parquet": _parquet, ".npz": _npz}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise SchemaError(f"expected a file that ends in {_ENDINGS}", where=str(path))
    try:
        columns = reader(path, texts)
    except OSError as error:
        raise SchemaError(f"cannot be read: {_reason(error)}", where=str(path)) from error
    except (pa.ArrowInvalid, ValueError) as error:
        raise SchemaError(f"not a {path.suffix} file of columns: {error}", where=str(path)) from error
    return columns


def _reason(error: OSError) -> str:
    """In the system's own words: Arrow's tell the file's name once more."""
    return os.strerror(error.errno) if error.errno else str(error)


def read_rows(path: Path) -> Iterator[dict[str, Any]]:
    """Row after row, each value as the file has it; of an npz file what stands at one place of each.

    Raises SchemaError.
    """
    try:
        if path.suffix.lower() == ".npz":
            yield from _npz_rows(path)
            return
        if path.suffix.lower() not in (".csv", ".parquet"):
            raise SchemaError(f"expected a file that ends in {_ENDINGS}", where=str(path))
        read = pyarrow.csv.read_csv if path.suffix.lower() == ".csv" else pyarrow.parquet.read_table
        for batch in read(path).to_batches(max_chunksize=_BATCH_ROWS):
            yield from batch.to_pylist()
    except OSError as error:
        raise SchemaError(f"cannot be read: {_reason(error)}", where=str(path)) from error
    except pa.ArrowInvalid as error:
        raise SchemaError(f"not a {path.suffix} file of columns: {error}", where=str(path)) from error


def _npz_rows(path: Path) -> Iterator[dict[str, Any]]:
    try:
        with np.load(path, allow_pickle=False) as arrays:
            columns = {name: arrays[name] for name in arrays.files}
    except ValueError as error:
        raise SchemaError(f"not an .npz file of arrays: {error}", where=str(path)) from error
    lengths = {name: array.shape[:1] for name, array in columns.items()}
    if len(set(lengths.values())) > 1 or () in lengths.values():
        raise SchemaError(f"arrays must be of one length; found {lengths}", where=str(path))
    for values in zip(*columns.values(), strict=True):
        yield dict(zip(columns, values, strict=True))


def _csv(path: Path, texts: Sequence[str]) -> dict[str, Column]:
    options = pyarrow.csv.ConvertOptions(
        column_types=dict.fromkeys(texts, pa.string()), strings_can_be_null=True
    )
    return _arrow(pyarrow.csv.read_csv(path, convert_options=options), texts)


def _parquet(path: Path, texts: Sequence[str]) -> dict[str, Column]:
    return _arrow(pyarrow.parquet.read_table(path), texts)


def _arrow(table: pa.Table, texts: Sequence[str]) -> dict[str, Column]:
    return {name: _column(name, table[name], text=name in texts) for name in table.column_names}


def _column(name: str, column: pa.ChunkedArray, *, text: bool) -> Column:
    kind = column.type
    if pa.types.is_dictionary(kind):
        return _column(name, column.cast(kind.value_type), text=text)
    if not text and (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)):
        numbers: npt.NDArray[np.float64] = column.cast(pa.float64()).to_numpy()
        return numbers
    if text or pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_boolean(kind):
        values: list[Any] = column.to_pylist()
        return values
    if pa.types.is_timestamp(kind):
        return _times(column, kind)
    if pa.types.is_null(kind):
        return np.full(len(column), np.nan)
    raise SchemaError(f"column {name!r} holds {kind}; expected numbers, texts, truth values or times")


def _times(column: pa.ChunkedArray, kind: pa.TimestampType) -> Column:
    """As `driftline_schemas.times.hours_of` takes them: what tells no zone must not seem to be in UTC."""
    if kind.tz is None:
        local: npt.NDArray[Any] = column.cast(pa.timestamp("us"), safe=False).to_numpy()
        return local
    instants: list[Any] = column.cast(pa.timestamp("us", "UTC"), safe=False).to_pylist()
    return instants


def _npz(path: Path, texts: Sequence[str]) -> dict[str, Column]:
    columns: dict[str, Column] = {}
    with np.load(path, allow_pickle=False) as arrays:
        for name in arrays.files:
            array = arrays[name]
            if array.ndim == 1:
                columns[name] = array.tolist() if name in texts or array.dtype.kind not in "fiu" else array
            elif array.ndim == 2:
                columns |= {f"{name}_{i}": array[:, i] for i in range(array.shape[1])}
            else:
                raise ValueError(f"array {name!r} has shape {array.shape}; expected one or two dimensions")
    return columns


def take(columns: Mapping[str, Column], name: str | None, option: str) -> Column | None:
    """The column that an option names, `None` where it names none. Raises SchemaError."""
    if name is None:
        return None
    if name not in columns:
        raise SchemaError(f"there is no column {name!r}; there are {', '.join(columns)}", where=option)
    return columns[name]
