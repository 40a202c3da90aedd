"""What has been accepted and is not in the database yet: files that are only appended to, beside it.

A commit of the database costs nearly as much for a thousand rows as for ten thousand, and stalls for its
checkpoints. A sender waits for neither: it is answered once its rows are here, synced, and the database takes
them in later, many at a time. The transaction that does so also moves `journal.applied` on, so what is read
back after a crash is taken in once. A file goes when all that it holds has been taken in.

A file is a header (`MAGIC`, the database's id) and entries: `_HEAD` (a mark, CRC-32 of what follows,
position, length), then what `entries` makes of a batch. Files are made at their full size, zeros up to where
they are written, so that a sync need not write the file's length as well.
"""

import contextlib
import logging
import os
import struct
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from driftline_collector.store.durable import sync

logger = logging.getLogger(__name__)

MAGIC = b"driftline journal 1\n"
#: A file that has grown to this is followed by another.
FILE_BYTES = 16 * 2**20
_MARK = b"\xd1\xa7DL"
_HEAD = struct.Struct("<4sIQQ")
_MOST_PIECES = 512  # that one system call writes


class Journal:
    """The journal of one database. `append` is for one thread, `forget` for another."""

    def __init__(self, folder: Path, database_id: str, applied: int) -> None:
        self._folder = folder
        self._header = MAGIC + database_id.encode().ljust(32)[:32]
        self._applied = applied
        self._files: dict[Path, int] = {}  # → the last position in it
        self._file: int | None = None
        self._path: Path | None = None
        self._end = 0
        folder.mkdir(exist_ok=True)
        self._last = applied

    # -- reading back ----------------------------------------------------------------------------------
    def unapplied(self) -> Iterator[tuple[int, memoryview]]:
        """Positions and entries that the database lacks, in order. To be read to its end, before `append`."""
        for path in sorted(self._folder.glob("*.journal")):
            data = memoryview(path.read_bytes())
            if bytes(data[: len(self._header)]) != self._header:
                self._set_aside(path, data)
                continue
            self._files[path] = 0
            for position, entry in _entries(path, data, len(self._header)):
                self._files[path] = self._last = max(self._last, position)
                if position > self._applied:
                    yield position, entry

    def _set_aside(self, path: Path, data: memoryview) -> None:
        """A file that is not of this database, or too short to tell; none of its entries was lost by us."""
        if not any(data):
            path.unlink()
            return
        kept = path.with_suffix(".foreign")
        path.rename(kept)
        logger.error("%s is not of this database: it is kept as %s, and nothing of it is read", path, kept)

    # -- writing ---------------------------------------------------------------------------------------
    def append(self, entries: Sequence[bytes]) -> list[int]:
        """Write entries and sync; their positions. Raises OSError, MemoryError: then none is read back."""
        positions = list(range(self._last + 1, self._last + 1 + len(entries)))
        if self._file is None or self._end >= FILE_BYTES:
            self._next_file(sum(map(len, entries)))
        if self._file is None or self._path is None:
            raise AssertionError("there is no file after it was made")
        # Positions of a failed attempt are not used again: it might yet be found.
        self._last = positions[-1]
        try:
            pieces: list[bytes] = []
            for position, entry in zip(positions, entries, strict=True):
                pieces += [_head(position, entry), entry]
            end = self._end + _write(self._file, pieces, self._end)
            os.fdatasync(self._file)
        except (OSError, MemoryError):
            self._abandon(self._file)
            raise
        self._end = end
        self._files[self._path] = self._last
        return positions

    def forget(self, applied: int) -> None:
        """All up to `applied` is in the database: remove the files that hold nothing else."""
        for path, last in list(self._files.items()):
            if last <= applied and path != self._path:
                path.unlink(missing_ok=True)
                del self._files[path]

    def close(self, applied: int) -> None:
        """Let go of the files, and remove what has been taken in."""
        if self._file is not None:
            os.close(self._file)
        self._file = self._path = None
        self.forget(applied)
        with contextlib.suppress(OSError):  # something is kept in it
            self._folder.rmdir()

    def _next_file(self, size: int) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = self._path = None
        path = self._folder / f"{self._last + 1:016}.journal"
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            os.posix_fallocate(file, 0, FILE_BYTES + size)
            _write(file, [self._header], 0)
            os.fsync(file)
            sync(self._folder)
        except OSError:
            os.close(file)
            path.unlink(missing_ok=True)
            raise
        self._file, self._path, self._end = file, path, len(self._header)
        self._files[path] = 0

    def _abandon(self, file: int) -> None:
        """After a failed sync nobody knows what is on disk: cut off what was not answered, and begin anew."""
        with contextlib.suppress(OSError):
            os.ftruncate(file, self._end)
            os.fsync(file)
        os.close(file)
        self._file = self._path = None


def unapplied_bytes(folder: Path, database_id: str, applied: int) -> int:
    """How much a journal that nobody writes holds of what its database lacks; nothing is changed."""
    header = MAGIC + database_id.encode().ljust(32)[:32]
    size = 0
    for path in sorted(folder.glob("*.journal")):
        data = memoryview(path.read_bytes())
        if bytes(data[: len(header)]) == header:
            entries = _entries(path, data, len(header))
            size += sum(len(entry) for position, entry in entries if position > applied)
    return size


def _head(position: int, entry: bytes) -> bytes:
    checksum = zlib.crc32(entry, _seed(position, len(entry)))
    return _HEAD.pack(_MARK, checksum, position, len(entry))


def _write(file: int, pieces: Sequence[bytes], offset: int) -> int:
    """Write all pieces at `offset`; how many bytes they were."""
    left = [memoryview(piece) for piece in pieces if len(piece)]
    total = 0
    while left:
        written = os.pwritev(file, left[:_MOST_PIECES], offset + total)
        total += written
        while left and written >= len(left[0]):
            written -= len(left.pop(0))
        if written:
            left[0] = left[0][written:]
    return total


def _entries(path: Path, data: memoryview, start: int) -> Iterator[tuple[int, memoryview]]:
    """The entries that are whole. A torn one at the end was never answered; one amid others is damage."""
    raw = data.obj if isinstance(data.obj, bytes) else bytes(data)
    at = end = start
    while (at := raw.find(_MARK, at)) >= 0 and at + _HEAD.size <= len(raw):
        _, checksum, position, length = _HEAD.unpack_from(raw, at)
        body = data[at + _HEAD.size : at + _HEAD.size + length]
        if len(body) != length or zlib.crc32(body, _seed(position, length)) != checksum:
            at += 1
            continue
        if at > end:
            logger.error("%s is damaged: what stood from byte %d to %d is lost", path, end, at)
        yield position, body
        at = end = at + _HEAD.size + length


def _seed(position: int, length: int) -> int:
    return zlib.crc32(struct.pack("<QQ", position, length))
