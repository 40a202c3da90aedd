"""What the collector's process needs no memory for."""

import ctypes
import importlib.abc
import os
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType

#: `mallopt`'s number for the most arenas that there may be.
_ARENA_MAX = -8
_ARENAS = 2


class _NoPandas(importlib.abc.MetaPathFinder):
    """Arrow and DuckDB import pandas where it is installed: 30 MB, and we hand them no data frames."""

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None = None,  # noqa: ARG002  # the import system's signature
        target: ModuleType | None = None,  # noqa: ARG002
    ) -> ModuleSpec | None:
        """Refuse pandas, leave all else to others."""
        if fullname == "pandas":
            raise ImportError("the collector does without pandas", name=fullname)
        return None


def spare() -> None:
    """Have allocators keep little for themselves; systems that cannot do one of these leave it out.

    To be called before numpy and Arrow are imported, which look at this once.
    """
    # glibc gives threads arenas of their own, up to eight for each core, and what is free in one is free for
    # none of the others.
    if (mallopt := getattr(ctypes.CDLL(None), "mallopt", None)) is not None:
        mallopt(_ARENA_MAX, _ARENAS)
    # Two libraries bring a BLAS each, which sets 32 MB aside for each of its threads. We have no matrices.
    os.putenv("OPENBLAS_NUM_THREADS", "1")
    # Arrow's own allocator reserves a gigabyte of addresses, and keeps what was freed to itself.
    os.putenv("ARROW_DEFAULT_MEMORY_POOL", "system")


def refuse_pandas() -> None:
    """Keep pandas out of this process, unless it is there already."""
    if "pandas" not in sys.modules:
        sys.meta_path.insert(0, _NoPandas())
