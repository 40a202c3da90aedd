"""The open window and the count of predictions, on disk within `sync_interval`: what kill -9 and a power cut
leave of them for the successor to send.

Two files, written in turn: a process killed in the middle of one leaves the other. Each write is on the
medium when it returns. A page a second would be 350 MB a day on a flash disk, so what is written is small, a
request deflated by the words of an earlier one. Those are in two files of their own, deflated by the words of
the first. All goes past the page cache, in sectors of 512 bytes, where the file system has that (Linux,
O_DIRECT).
"""

import mmap
import os
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

# Checksum of the rest; generation, boot, stream, start, end, predictions, made, reserved, words, length.
_CHECKSUM = struct.Struct("<I")
_HEADER = struct.Struct("<Q16s32sqqqqqII")
_FILES = ("open-window.a", "open-window.b")
# Checksum of the words; length of what follows, which is the words deflated.
_WORDS_HEADER = struct.Struct("<II")
_FIRST_WORDS = "open-window.words"
_WORDS = ("open-window.words.a", "open-window.words.b")
_SECTOR = 512


@dataclass(frozen=True, slots=True)
class OpenWindow:
    """An encoded request of [start, end) in ns: what a window held when it was last looked at. `start` =
    `end` where none was open.

    `made`: where the slot's counter stood; `reserved`: how far it may have come until the next time.
    """

    stream: str
    start_ns: int
    end_ns: int
    predictions: int
    made: int
    reserved: int
    body: bytes
    #: Whether the machine has been started anew since: then `made` is the least that it may be.
    power_cut: bool = False


class Snapshot:
    """The files in a slot."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._boot = _boot()
        self._left = max(self._valid(), key=lambda found: found[0], default=None)
        self._generation = self._left[0] if self._left else 0
        self._first = b""
        self._words = b""
        self._turn = 0
        # What writing whole sectors more than one has cost since the words were written, and what they cost.
        self._excess = self._price = 0

    def load(self) -> OpenWindow | None:
        """The latest whole one that a predecessor left."""
        return self._left[1] if self._left else None

    def save(self, window: OpenWindow) -> None:
        """Write over the older of the two; on the medium when it returns. Raises OSError."""
        if window.body and self._excess >= self._price:
            self._learn(window.body)
        words = self._words
        body = _deflate(window.body, words)
        self._generation += 1
        content = _HEADER.pack(
            self._generation,
            self._boot,
            window.stream.encode(),
            window.start_ns,
            window.end_ns,
            window.predictions,
            window.made,
            window.reserved,
            zlib.crc32(words),
            len(body),
        )
        content += body
        path = self._folder / _FILES[self._generation % 2]
        self._excess += _write(path, _CHECKSUM.pack(zlib.crc32(content)) + content) - _SECTOR

    def _learn(self, words: bytes) -> None:
        """Deflate by these words from now on, as what is written next differs from them by a few counts. The
        words of the last snapshot stay where they are."""
        if not self._first:
            _write(self._folder / _FIRST_WORDS, _words(words, b""))
            self._first = words
        turn = 1 - self._turn
        self._price = _write(self._folder / _WORDS[turn], _words(words, self._first))
        if not self._words:
            sync_folder(self._folder)
        self._words, self._turn, self._excess = words, turn, 0

    def _valid(self) -> list[tuple[int, OpenWindow]]:
        first = _read_words(self._folder / _FIRST_WORDS, b"")
        known = {zlib.crc32(w): w for w in (_read_words(self._folder / name, first) for name in _WORDS)}
        files = [_bytes(self._folder / name) for name in _FILES]
        return [found for content in files if (found := self._read(content, known)) is not None]

    def _read(self, content: bytes, known: dict[int, bytes]) -> tuple[int, OpenWindow] | None:
        start = _CHECKSUM.size + _HEADER.size
        if len(content) < start:
            return None
        fields = _HEADER.unpack_from(content, _CHECKSUM.size)
        generation, boot, stream, opened, end, predictions, made, reserved, words_sum, length = fields
        whole = content[_CHECKSUM.size : start + length]  # what is longer stood there before
        if _CHECKSUM.unpack_from(content)[0] != zlib.crc32(whole) or len(whole) != _HEADER.size + length:
            return None
        words = known.get(words_sum) if words_sum else b""
        if words is None:
            return None
        try:
            body = zlib.decompressobj(-15, zdict=words).decompress(whole[_HEADER.size :])
        except zlib.error:
            return None
        return generation, OpenWindow(
            stream=stream.decode(),
            start_ns=opened,
            end_ns=end,
            predictions=predictions,
            made=made,
            reserved=reserved,
            body=body,
            power_cut=boot != self._boot,
        )


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def _boot() -> bytes:
    """What tells this run of the machine from the others; the same for all where the system does not say."""
    return _bytes(Path("/proc/sys/kernel/random/boot_id")).replace(b"-", b"")[:16].ljust(16, b"0")


def _words(words: bytes, first: bytes) -> bytes:
    packed = _deflate(words, first)
    return _WORDS_HEADER.pack(zlib.crc32(words), len(packed)) + packed


def _read_words(path: Path, first: bytes) -> bytes:
    content = _bytes(path)
    start = _WORDS_HEADER.size
    try:
        checksum, length = _WORDS_HEADER.unpack_from(content)
        words = zlib.decompressobj(-15, zdict=first).decompress(content[start : start + length])
    except (struct.error, zlib.error):
        return b""
    return words if zlib.crc32(words) == checksum else b""


def _deflate(content: bytes, words: bytes) -> bytes:
    # The highest level finds the longest of the words, which takes a third off what is written each second.
    packer = zlib.compressobj(9, zlib.DEFLATED, -15, zdict=words)
    return packer.compress(content) + packer.flush()


def _write(path: Path, content: bytes) -> int:
    """Over what stands there, from the start on; past the cache what was longer keeps its end. How many bytes
    of whole sectors that is."""
    size = -(-len(content) // _SECTOR) * _SECTOR
    if past_cache := getattr(os, "O_DIRECT", 0):
        # O_DIRECT wants memory that is aligned, as a mapping is.
        with mmap.mmap(-1, size) as aligned:
            aligned.write(content)
            try:
                _put(path, aligned, past_cache)
            except OSError:
                pass  # a file system without it, or with larger sectors
            else:
                return size
    _put(path, content, 0)
    return size


def _put(path: Path, content: "bytes | mmap.mmap", flags: int) -> None:
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | flags, 0o644)
    try:
        os.write(file, content)
        if not flags:
            os.ftruncate(file, len(content))  # the words of a predecessor may have been longer
        sync(file)
    finally:
        os.close(file)


def sync(file: int) -> None:
    """Have what was written to a file on the medium. Raises OSError."""
    getattr(os, "fdatasync", os.fsync)(file)


def sync_folder(folder: Path) -> None:
    """Have the names of a folder's files on the medium. Raises OSError."""
    opened = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
