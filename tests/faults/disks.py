"""A small disk of its own for a test: a tmpfs, which can be filled, emptied and made read-only."""

import errno
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

MIB = 2**20


class Disk:
    """A mounted tmpfs at `folder`."""

    def __init__(self, folder: Path, size: int) -> None:
        self.folder = folder
        done = _mount("-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder))
        if done.returncode:
            pytest.skip(f"no disk of its own can be mounted here: {done.stderr.strip()}")

    @contextmanager
    def filled(self, but: int = 0) -> Iterator[None]:
        """Within this block somebody else's file takes all that is free, `but` so many bytes."""
        other = self.folder / "other"
        with other.open("wb") as file:
            while True:
                room = os.statvfs(self.folder)
                try:
                    os.posix_fallocate(file.fileno(), 0, max(1, room.f_bavail * room.f_bsize - but))
                    break
                except OSError as error:
                    if error.errno != errno.ENOSPC:  # a collector was quicker to take some of it
                        raise
        try:
            yield
        finally:
            other.unlink()

    def read_only(self) -> None:
        """Where nobody has a file open for writing."""
        self._remount("ro")

    def writable(self) -> None:
        self._remount("rw")

    def _remount(self, option: str) -> None:
        done = _mount("-o", f"remount,{option}", str(self.folder))
        assert not done.returncode, done.stderr


@contextmanager
def disk(folder: Path, size: int) -> Iterator[Disk]:
    """A disk of `size` bytes, skipping the test with a line where none can be mounted."""
    folder.mkdir()
    made = Disk(folder, size)
    try:
        yield made
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def _mount(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["mount", *arguments], capture_output=True, text=True, check=False)
