"""Programs that tests need from the system: installed where that is allowed, named where it is not."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from scripts import system_packages

LIBRARIES = [need.names[0] for need in system_packages.NEEDS if need.names[0].startswith("lib")]


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """The only programs on the PATH from now on; each appends its name and arguments to `called`."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(system_packages, "FOLDERS", (str(tmp_path),))

    def only(*names: str, script: str = "") -> None:
        for name in names:
            program = tmp_path / name
            program.write_text(f'#!/bin/sh\necho {name} "$@" >> {tmp_path}/called\n{script}\n')
            program.chmod(0o755)

    return only


def called(folder: Path) -> list[str]:
    log = folder / "called"
    return log.read_text().splitlines() if log.exists() else []


def test_nothing_is_said_or_done_where_all_is_there(
    programs: Callable[..., None], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    programs("google-chrome", "node", "npm", "apt-get", *LIBRARIES)
    system_packages.main()
    assert capfd.readouterr() == ("", "")
    assert called(tmp_path) == []


def test_what_is_missing_is_named_in_one_line_to_who_may_not_install(
    programs: Callable[..., None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    programs("apt-get", "chromium", *LIBRARIES)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    system_packages.main()
    said = capfd.readouterr()
    assert said.out == ""
    assert said.err == (
        "system packages: tests from JavaScript will be skipped: install nodejs npm"
        " (as root: apt-get install nodejs npm)\n"
    )
    assert called(tmp_path) == []


def test_root_gets_just_what_is_missing(
    programs: Callable[..., None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    programs("node", "npm", *LIBRARIES)
    programs(
        "apt-get",
        script=f'case "$*" in *install*) : > {tmp_path}/chromium; /bin/chmod +x {tmp_path}/chromium;; esac',
    )
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    system_packages.main()
    assert called(tmp_path) == [
        "apt-get -qq update",
        "apt-get -qq install --yes --no-install-recommends chromium",
    ]
    assert capfd.readouterr().err == ""


def test_an_installation_that_fails_stops_nothing(
    programs: Callable[..., None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    programs("apt-get", script="echo no mirror >&2; exit 100")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    system_packages.main()
    assert called(tmp_path) == ["apt-get -qq update"]
    said = capfd.readouterr()
    assert "apt-get update failed: no mirror" in said.out
    assert "apt-get install chromium libatomic1 nodejs npm libpython3" in said.err


def test_a_package_that_there_is_none_of_keeps_no_other_away(
    programs: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs("npm", "chromium", *LIBRARIES[1:])
    programs("apt-get", script='case "$*" in *libatomic1) exit 100;; esac')
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    system_packages.main()
    assert [line.split()[-1] for line in called(tmp_path)] == ["update", "libatomic1", "nodejs"]
