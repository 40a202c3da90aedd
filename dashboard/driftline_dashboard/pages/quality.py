"""The page quality."""

from driftline_dashboard import collector, layout, shell
from driftline_dashboard.state import View


@layout.card(height=60)
def _headline(view: View) -> None:
    shell.title("quality")
    shell.freshness(collector.overview(view.model))


def draw() -> None:
    """Draw the page."""
    view = shell.begin("quality")
    if view is not None:
        _headline(view)
