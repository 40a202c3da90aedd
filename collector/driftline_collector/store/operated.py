"""What may be done with a store as a whole, where it is open for writing."""

from typing import Protocol

from driftline_collector.store.backup import Backup
from driftline_collector.store.export import Export
from driftline_collector.store.purge import Purged
from driftline_collector.store.scopes import Scope
from driftline_collector.store.shown import Where


class Operated(Protocol):
    """Each method may be called from any thread, and raises StoreError where it cannot be done now."""

    def backup(self) -> Backup:
        """All that is stored at this instant, to be read while everything goes on; to be closed then."""

    def export(self, name: str, where: Where) -> Export:
        """Rows of one of `EXPORTED`, to be read while everything goes on; to be closed then."""

    def names_of(self, device: str) -> tuple[str, ...]:
        """A device's name of now, and those that it had."""

    def purge_plan(self, scope: Scope) -> list[Purged]:
        """What a purge would take away now, by table."""

    def purge(self, scope: Scope, author: str, reason: str | None) -> list[Purged]:
        """Take it away for good, and note that in `audit`; where that fails, all is as before."""
