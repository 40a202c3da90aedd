"""What users import, and nothing else."""

import pkgutil
import types

import driftline
import driftline.testing


def test_all_is_sorted_and_all_there() -> None:
    assert driftline.__all__ == sorted(driftline.__all__)
    public = {
        name
        for name, value in vars(driftline).items()
        if not name.startswith("_") and not isinstance(value, types.ModuleType)
    }
    assert public == set(driftline.__all__)


def test_modules_are_private_but_for_what_users_import_by_name() -> None:
    names = {module.name for module in pkgutil.iter_modules(driftline.__path__)}
    assert {name for name in names if not name.startswith("_")} == {"exporters", "summaries", "testing"}


def test_what_is_public_is_documented() -> None:
    for name in driftline.__all__:
        value = getattr(driftline, name)
        assert value.__doc__, name
        if not value.__module__.startswith("driftline."):
            continue  # the contracts, which have tests of their own
        for member, content in vars(value).items():
            if isinstance(content, (types.FunctionType, property)) and not member.startswith("_"):
                assert content.__doc__, f"{name}.{member}"
