"""A folder that cannot be written: told at the start, and got over by itself when it befalls a collector."""

import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from driftline_collector.errors import StoreError
from driftline_collector.store.duckdb import DuckDBStore

from tests.end_to_end.running import collector
from tests.faults.disks import MIB, disk
from tests.faults.senders import Load, check, one_of_each


def obeying_modes() -> Sequence[str]:
    """A command under which root, too, may not write where the mode says so."""
    if os.geteuid():
        return ()
    under = ["setpriv", "--bounding-set=-dac_override"]
    if shutil.which("setpriv") is None or subprocess.run([*under, "true"], check=False).returncode:
        pytest.skip("root may write everywhere, and no setpriv takes that away here")
    return under


@contextmanager
def read_only(*folders: Path) -> Iterator[None]:
    """Within this block nothing can be made or removed in these folders."""
    for folder in folders:
        folder.chmod(0o500)
    try:
        yield
    finally:
        for folder in folders:
            folder.chmod(0o700)


def test_a_store_on_a_read_only_disk_says_so(tmp_path: Path) -> None:
    with disk(tmp_path / "disk", 64 * MIB) as small:
        small.read_only()
        path = small.folder / "driftline.duckdb"
        with pytest.raises(StoreError, match=r"driftline\.duckdb: .*Read-only file system"):
            DuckDBStore(path)


def test_a_folder_that_becomes_read_only_is_told_and_once_it_is_not_it_goes_on_by_itself(
    tmp_path: Path,
) -> None:
    senders = one_of_each(size=20, text=200_000)
    with collector(tmp_path, under=obeying_modes()) as running:
        with Load(senders, running.url):
            for sender in senders:
                assert sender.wait_for(1)
            with read_only(tmp_path, tmp_path / "driftline.duckdb.journal"):
                for sender in senders:
                    assert sender.wait_for_refusal()
                assert {status for sender in senders for status in sender.refusals} == {503}
                assert any("Permission denied" in sender.message for sender in senders)
                assert running.get("/system")["ready"]  # who reads is answered
            for sender in senders:
                assert sender.wait_for(2)
        assert running.stop() == 0
    check(senders, Path(running.facts["database"]))
