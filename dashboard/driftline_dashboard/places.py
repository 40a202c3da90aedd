"""Features and segments: squares of heat maps, their names, and the card that compares with the reference."""

from collections.abc import Iterable, Sequence

from driftline_collector.client import HeatCell
from driftline_schemas.errors import SchemaError
from driftline_schemas.segments import Segment

from driftline_dashboard import charts, collector, layout, words
from driftline_dashboard.figures import distribution, heatmap


def name(segment: str) -> str:
    """A segment as the heading of a column."""
    return words.where(segment)


def filters(segment: str) -> dict[str, str | None]:
    """The dimensions of a segment as fields of a View."""
    try:
        parsed = Segment.parse(segment)
    except SchemaError:
        return {}
    return {field: parsed[field] for field in ("version", "device_type", "region")}


def related(segments: Sequence[str], to: str) -> list[str]:
    """Segments with those first that are in `to` or hold it, each part in the order given."""
    try:
        wanted = Segment.parse(to)
    except SchemaError:
        return list(segments)

    def apart(segment: str) -> bool:
        parsed = Segment.parse(segment)
        return not (wanted.contains(parsed) or parsed.contains(wanted))

    return sorted(segments, key=apart)


def squares(
    cells: Iterable[HeatCell], *, features: Sequence[str], segments: Sequence[str]
) -> list[heatmap.Square]:
    """The cells of these features and segments as squares: features down, segments across."""
    rows, columns = set(features), set(segments)
    return [
        heatmap.Square(
            row=cell.feature,
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


def distribution_card(segment: str, feature: str, *, at: str | None, key: str) -> None:
    """The reference (dashed) against now (solid) on the same bins, with one plain sentence."""
    layout.section(f"{feature}: reference and now", words.where(segment))
    found = layout.settled(collector.distribution(segment, feature, at=at), feature)
    if found is None:
        return
    effect = words.effect(found.effect)
    bounds = words.interval(found.lower, found.upper)
    held = "" if found.limit is None else f", limit {words.limit(found.limit)}"
    evidence = f"n {words.count(found.n)} now, {words.count(found.m)} in the reference"
    layout.html_line(
        found.sentence, f"Effect (PSI) {effect}{f' ({bounds})' if bounds else ''}{held}; {evidence}."
    )
    if found.reference_id is None:
        layout.empty("There is no reference to compare with.", "Register one: driftline reference register")
    figure = distribution.distribution(found.bins, feature=feature, ink=charts.ink())
    charts.swatches()
    charts.chart(figure, says=found.sentence, key=key)
