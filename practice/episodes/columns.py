"""Parquet of strangers: open with every failure named, and turn columns into dense arrays.

Sizes in a footer are judged before anything is read, and rows come in batches of bounded size.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from practice.episodes.errors import DatasetError

_FOOTER_BYTES = 256 << 20
"""Most memory that the strings and the lists of one footer may take, each."""
_CHUNK_BYTES = 1 << 30
"""Most unpacked bytes of one column in one row group: a page is unpacked as a whole."""

PICTURE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
"""A cell of a camera's column, as LeRobot has it: the file itself, and a path that we leave empty."""


@contextmanager
def opened(root: Path, file: str, *, rows: int, unpacked: int) -> Iterator[pq.ParquetFile]:
    """Open `root/file`, which may declare at most `rows` rows and `unpacked` bytes. Raises DatasetError."""
    path = root / file
    if not path.is_file():
        raise DatasetError(file, "is missing")
    with damage_named(file):
        parquet = pq.ParquetFile(
            path, thrift_string_size_limit=_FOOTER_BYTES, thrift_container_size_limit=_FOOTER_BYTES
        )
    with parquet:
        footer = parquet.metadata
        if not 0 <= footer.num_rows <= rows:
            raise DatasetError(file, f"declares {footer.num_rows} rows; at most {rows} fit here")
        sizes = [footer.row_group(i).total_byte_size for i in range(footer.num_row_groups)]
        if min(sizes, default=0) < 0 or sum(sizes) > unpacked:
            reason = f"declares {sum(sizes)} unpacked bytes; at most {unpacked} are read"
            raise DatasetError(file, reason)
        yield parquet


@contextmanager
def damage_named(file: str) -> Iterator[None]:
    """Turn what pyarrow raises over damaged bytes into a DatasetError."""
    try:
        yield
    except (pa.ArrowException, OSError, ValueError) as error:  # ValueError: names that are no UTF-8
        first_line = str(error).partition("\n")[0][:200]
        reason = f"is not a readable parquet file (cut short or damaged): {first_line}"
        raise DatasetError(file, reason) from error


def field(parquet: pq.ParquetFile, file: str, name: str) -> pa.Field:
    """The one column called `name`. Raises DatasetError."""
    places = parquet.schema_arrow.get_all_field_indices(name)
    if len(places) != 1:
        reason = f"has no column {name!r}" if not places else f"has column {name!r} twice"
        raise DatasetError(file, reason)
    return parquet.schema_arrow.field(places[0])


def check_size(parquet: pq.ParquetFile, file: str, sizes: Mapping[str, int]) -> None:
    """Refuse columns that hold far more than `sizes` (name -> numbers per row) before they are decoded.

    A list of a million equal numbers packs into a few bytes, and one row of it would be made whole in memory.
    Twice the size is let through, so that a row of a wrong length is blamed on its episode.
    """
    paths = [parquet.schema.column(i).path for i in range(parquet.metadata.num_columns)]
    leaves = [(i, path, _size_at(path, sizes)) for i, path in enumerate(paths)]
    wanted = [(i, path, size) for i, path, size in leaves if size]
    for number in range(parquet.metadata.num_row_groups):
        group = parquet.metadata.row_group(number)
        for i, path, size in wanted:
            most = 2 * size * group.num_rows + 1024
            chunk = group.column(i)
            largest = min(8 * most + (1 << 20), _CHUNK_BYTES)
            if chunk.num_values > most or chunk.total_uncompressed_size > largest:
                reason = (
                    f"column {path!r} declares {chunk.num_values} values in"
                    f" {chunk.total_uncompressed_size} bytes for {group.num_rows} rows of {size}"
                )
                raise DatasetError(file, reason)


def _size_at(path: str, sizes: Mapping[str, int]) -> int:
    """Numbers per row of the column that a leaf's dotted path belongs to; 0 for a column not asked for."""
    owners = (size for name, size in sizes.items() if path == name or path.startswith(f"{name}."))
    return max(owners, default=0)


def batches(
    parquet: pq.ParquetFile, file: str, columns: Sequence[str], batch_rows: int
) -> Iterator[pa.RecordBatch]:
    """The rows of `columns`, in order. Raises DatasetError when the bytes are damaged or rows are lacking."""
    seen = 0
    with damage_named(file):
        for batch in parquet.iter_batches(batch_rows, columns=list(columns), use_threads=False):
            seen += batch.num_rows
            yield batch
    if seen != parquet.metadata.num_rows:
        reason = f"declares {parquet.metadata.num_rows} rows but holds {seen}"
        raise DatasetError(file, reason)


def column_shape(kind: pa.DataType) -> tuple[int | None, ...] | None:
    """Shape of a column's cells, None for a length that varies; None as a whole when they are not numbers."""
    shape: list[int | None] = []
    while is_list(kind):
        shape.append(kind.list_size if pa.types.is_fixed_size_list(kind) else None)
        kind = kind.value_type
    number = pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind)
    return tuple(shape) if number else None


def is_list(kind: pa.DataType) -> bool:
    """Whether cells are lists of whatever sort."""
    lists = (pa.types.is_fixed_size_list, pa.types.is_list, pa.types.is_large_list)
    return any(test(kind) for test in lists)


def dense(
    column: pa.Array, shape: tuple[int, ...], dtype: str
) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Cells as an array (rows, *shape) of `dtype`, and which rows (rows,) really had that shape and no null.

    Other rows are zero. A scalar column serves shape () and (1,).
    """
    if not is_list(column.type):
        valid = np.asarray(pc.is_valid(column))
        filled = column if valid.all() else pc.fill_null(column, pa.scalar(0).cast(column.type))
        # What does not fit becomes inf, which callers look for; odd NaNs stay NaN.
        with np.errstate(over="ignore", invalid="ignore"):
            values = filled.to_numpy(zero_copy_only=False).astype(dtype, copy=False)
        return values.reshape(-1, *shape), valid
    fits = np.asarray(pc.fill_null(pc.equal(pc.list_value_length(column), shape[0]), False))
    inner, whole = dense(_cells(column, fits), shape[1:], dtype)
    valid = fits.copy()
    valid[fits] = np.all(whole.reshape(-1, shape[0]), axis=1)
    if fits.all():
        return inner.reshape(-1, *shape), valid
    values = np.zeros((len(fits), *shape), dtype)
    values[fits] = inner.reshape(-1, *shape)
    return values, valid


def _cells(column: pa.Array, rows: NDArray[np.bool_]) -> pa.Array:
    """The values of the lists in `rows`, one after the other."""
    return (column if rows.all() else column.filter(pa.array(rows))).flatten()


def converts(kind: pa.DataType, dtype: str) -> bool:
    """Whether the numbers in a column can stand for `dtype` without losing what they are."""
    while is_list(kind):
        kind = kind.value_type
    if np.dtype(dtype).kind == "b":
        return bool(pa.types.is_boolean(kind))
    return np.dtype(dtype).kind == "f" or not pa.types.is_floating(kind)


def list_type(dtype: str, size: int, *, bare: bool = True) -> pa.DataType:
    """Column type for `size` numbers per row; one number stands `bare`, as LeRobot writes it."""
    number = pa.from_numpy_dtype(np.dtype(dtype))
    return number if bare and size == 1 else pa.list_(number, size)


def list_column(rows: NDArray[Any], *, bare: bool = True) -> pa.Array:
    """Rows (n, size) as a column of `list_type`."""
    flat = pa.array(np.ascontiguousarray(rows).reshape(-1))
    size = rows.shape[1]
    return flat if bare and size == 1 else pa.FixedSizeListArray.from_arrays(flat, size)


def is_picture(kind: pa.DataType) -> bool:
    """Whether cells hold embedded files."""
    if not pa.types.is_struct(kind) or kind.get_field_index("bytes") < 0:
        return False
    inner = kind.field("bytes").type
    return bool(pa.types.is_binary(inner) or pa.types.is_large_binary(inner))


def picture_column(files: Sequence[bytes]) -> pa.Array:
    """Embedded files as a column of `PICTURE`."""
    paths = pa.nulls(len(files), pa.string())
    return pa.StructArray.from_arrays([pa.array(files, pa.binary()), paths], ["bytes", "path"])


def picture_files(column: pa.Array) -> list[bytes | None]:
    """The embedded file of each cell; None where there is none."""
    files: list[bytes | None] = pc.struct_field(column, "bytes").to_pylist()
    return files
