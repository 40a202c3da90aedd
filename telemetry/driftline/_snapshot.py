"""The open window, on disk after each tick: what kill -9 leaves of it for the successor to send.

Two files, written in turn: a process killed in the middle of one leaves the other. They are written, not
synced: this is for a dying process, not for a power cut, and spares the flash.
"""

import os
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

# Checksum of the rest; generation, stream, start, end, predictions, length of the body.
_CHECKSUM = struct.Struct("<I")
_HEADER = struct.Struct("<Q32sqqqI")
_FILES = ("open-window.a", "open-window.b")


@dataclass(frozen=True, slots=True)
class OpenWindow:
    """An encoded request, gzip, of [start, end) in ns: what a window held when it was last looked at."""

    stream: str
    start_ns: int
    end_ns: int
    predictions: int
    body: bytes


class Snapshot:
    """The two files in a slot."""

    def __init__(self, folder: Path) -> None:
        self._paths = [folder / name for name in _FILES]
        self._generation = max((generation for generation, _ in self._valid()), default=0)

    def save(self, window: OpenWindow) -> None:
        """Write over the older of the two. Raises OSError."""
        self._generation += 1
        content = _HEADER.pack(
            self._generation,
            window.stream.encode(),
            window.start_ns,
            window.end_ns,
            window.predictions,
            len(window.body),
        )
        content += window.body
        path = self._paths[self._generation % 2]
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            os.write(file, _CHECKSUM.pack(zlib.crc32(content)) + content)
        finally:
            os.close(file)

    def load(self) -> OpenWindow | None:
        """The latest whole one."""
        return max(self._valid(), key=lambda found: found[0], default=(0, None))[1]

    def _valid(self) -> list[tuple[int, OpenWindow]]:
        return [found for path in self._paths if (found := _read(path)) is not None]


def _read(path: Path) -> tuple[int, OpenWindow] | None:
    try:
        content = path.read_bytes()
    except OSError:
        return None
    start = _CHECKSUM.size + _HEADER.size
    if len(content) < start:
        return None
    generation, stream, *times, predictions, length = _HEADER.unpack_from(content, _CHECKSUM.size)
    whole = content[_CHECKSUM.size : start + length]  # a longer one may have stood there before
    if _CHECKSUM.unpack_from(content)[0] != zlib.crc32(whole) or len(whole) != _HEADER.size + length:
        return None
    return generation, OpenWindow(stream.decode(), times[0], times[1], predictions, whole[_HEADER.size :])
