"""Reads columns from CSV, Parquet and npz files, as `Reference.from_data` takes them."""

from collections.abc import Mapping, Sequence
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


def read_columns(path: Path, *, texts: Sequence[str] = ()) -> dict[str, Column]:
    """Columns by name: float64 arrays (absent: NaN) for numbers, lists for all else.

    `texts` are columns that hold names even where they look like numbers. Raises SchemaError.
    """
    readers = {".csv": _csv, ".parquet": _parquet, ".npz": _npz}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise SchemaError(f"expected a file that ends in {_ENDINGS}", where=str(path))
    try:
        columns = reader(path, texts)
    except OSError as error:
        raise SchemaError(f"cannot be read: {error.strerror or error}", where=str(path)) from error
    except (pa.ArrowInvalid, ValueError) as error:
        raise SchemaError(f"not a {path.suffix} file of columns: {error}", where=str(path)) from error
    return columns


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
    if pa.types.is_null(kind):
        return np.full(len(column), np.nan)
    raise SchemaError(f"column {name!r} holds {kind}; expected numbers, texts or truth values")


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
