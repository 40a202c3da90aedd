"""Features and segments: squares of heat maps, their names, and the card that compares with the reference."""

from collections.abc import Iterable, Sequence

from driftline_collector.client import HeatCell, Heatmap
from driftline_schemas.errors import SchemaError
from driftline_schemas.segments import Segment

from driftline_dashboard import charts, collector, layout, routes, state, words
from driftline_dashboard.figures import distribution, heatmap
from driftline_dashboard.state import View

# Links that stand in for a heat map on a narrow screen.
_LISTED = 8


def name(segment: str) -> str:
    """A segment as the heading of a column."""
    return words.where(segment)


def filters(segment: str) -> dict[str, state.Change]:
    """The dimensions of a segment as fields of a View; the segment itself where there is no field for one."""
    try:
        parsed = Segment.parse(segment)
    except SchemaError:
        return {}
    if parsed["tier"] is not None:
        return {"segment": segment}
    return {"own": parsed.own} | {field: parsed[field] for field in ("version", "device_type", "region")}


def related(segments: Sequence[str], to: str) -> list[str]:
    """Segments by what they have to do with `to`: those inside it, those around it, the others."""
    try:
        wanted = Segment.parse(to)
    except SchemaError:
        return list(segments)

    def distance(segment: str) -> int:
        parsed = Segment.parse(segment)
        return 0 if wanted.contains(parsed) else 1 if parsed.contains(wanted) else 2

    return sorted(segments, key=distance)


def squares(
    cells: Iterable[HeatCell], *, features: Sequence[str], segments: Sequence[str]
) -> list[heatmap.Square]:
    """The cells of these features and segments as squares: features down, segments across."""
    rows, columns = set(features), set(segments)
    return [
        heatmap.Square(
            row=words.feature(cell.feature),
            column=name(cell.segment),
            verdict=cell.verdict,
            effect=cell.effect,
            lower=cell.lower,
            upper=cell.upper,
            limit=cell.limit,
            n=cell.n,
            n_eff=cell.n_eff,
            reason=cell.reason,
        )
        for cell in cells
        if cell.feature in rows and cell.segment in columns
    ]


def heatmap_card(
    page: str,
    view: View,
    found: Heatmap,
    *,
    features: Sequence[str],
    segments: Sequence[str],
    chosen: tuple[str | None, str | None],
    remark: str = "",
) -> None:
    """Features × segments, and on a narrow screen the worst of them as links to `page`.

    `chosen` is the (feature, segment) that is highlighted; a click writes both to the URL.
    """
    shown = squares(found.cells, features=features, segments=segments)
    by_name = {name(segment): segment for segment in segments}
    by_word = {words.feature(feature): feature for feature in features}
    says = heatmap.says(shown, "cell")
    key = f"{page}-heatmap:{view.feature}:{view.segment}:{view.page}"
    with layout.wide(f"{page}-heatmap"):
        charts.effect_legend(found.limit)
        feature, segment = chosen
        figure = heatmap.heatmap(
            shown,
            rows=list(by_word),
            columns=list(by_name),
            row_title="Feature",
            column_title="Segment",
            selected=(words.feature(feature or ""), name(segment) if segment else None),
        )

        def pick(row: str, column: str) -> None:
            state.write(feature=by_word.get(row), segment=by_name.get(column))

        clicked = charts.clicked(key, heatmap.CLICK, pick)
        charts.chart(figure, says=says, key=key, on_select=clicked, most=heatmap.width(segments))
        layout.note(f"{says}{remark} Click a cell to see its course and how it is spread.")
    with layout.narrow(f"{page}-heatmap"):
        layout.note(says)
        for square in sorted(shown, key=lambda each: (not each.over, -(each.effect or 0)))[:_LISTED]:
            label = f"{square.row}, {square.column}: {square.brief()}"
            there = view.here(feature=by_word.get(square.row), segment=by_name.get(square.column))
            routes.link(page, label, there)


def distribution_card(segment: str, feature: str, *, at: str | None, key: str) -> None:
    """The reference (dashed) against now (solid) on the same bins, with one plain sentence."""
    called = words.feature(feature)
    answer = collector.distribution(segment, feature, at=at)
    where = words.where(segment)
    if answer.value is not None:
        start, end = words.parse_time(answer.value.window.start), words.parse_time(answer.value.window.end)
        where += f", in {words.stretch(start, end)} UTC"
    layout.section(f"{called}: reference and now", where)
    found = layout.settled(answer, called)
    if found is None:
        return
    effect = words.effect(found.effect)
    bounds = words.interval(found.lower, found.upper)
    held = "" if found.limit is None else f", limit {words.limit(found.limit)}"
    evidence = f"n {words.count(found.n)} now, {words.count(found.m)} in the reference"
    said = found.sentence
    if said.startswith(feature):  # the collector speaks of reserved names as they are stored
        said = called + said.removeprefix(feature)
    layout.html_line(said, f"Effect (PSI) {effect}{f' ({bounds})' if bounds else ''}{held}; {evidence}.")
    if found.reference_id is None:
        layout.empty("There is no reference to compare with.", "Register one: driftline reference register")
    figure = distribution.distribution(found.bins, feature=called)
    charts.swatches()
    charts.chart(figure, says=said, key=key)
