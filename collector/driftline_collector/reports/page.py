"""The report as one HTML file: nothing else is loaded, no script runs, light and dark as the reader likes."""

from collections.abc import Callable, Sequence
from html import escape
from importlib.resources import files

from driftline_collector.answers.records import Evaluation
from driftline_collector.reports import pictures, tables, words
from driftline_collector.reports.changed import changed
from driftline_collector.reports.evidence import Evidence

#: Measures beside drift, and how each is written.
_BESIDE: dict[str, tuple[str, Callable[[float | None], str]]] = {
    "accuracy": ("Accuracy", words.share),
    "agreement": ("Agreement with the cloud", words.share),
    "escalation_rate": ("Escalated", words.share),
    "latency_p95": ("Latency, 95th percentile", words.seconds),
    "silent_devices": ("Silent devices", words.count),
}
_HEAD = ("feature", "verdict", "PSI", "at least", "with its bounds", "q", "n", "φ", "φ from")
_NUMBERS = (2, 3, 5, 6, 7)
#: As many faults as a segment's own row has room for, and itself.
_WORST = 4


def page(evidence: Evidence, *, written: str, attached: str | None = None) -> str:
    """The whole file. `written` is when (RFC 3339), `attached` another report in HTML, shown in a frame."""
    style = files("driftline_collector.reports").joinpath("style.css").read_text(encoding="utf-8")
    whole = evidence.whole
    verdict = escape(_verdict(whole))
    coloured = f'<span class="over">{verdict}</span>' if whole.verdict == "drifted" else verdict
    parts = [
        f"<h1>{escape(words.segment(whole.segment))}: {coloured}</h1>",
        _lead(evidence, written),
        _tiles(evidence),
        changed((whole.details or {}).get("changed")),
        _quality(evidence.suspects),
        _course(evidence),
        _features(evidence),
        _distributions(evidence),
        _elsewhere(evidence.elsewhere),
        _references(evidence),
        _attached(attached),
    ]
    body = "\n".join(part for part in parts if part)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(headline(whole))}</title><style>\n{style}</style></head>\n"
        f"<body><main>\n{body}\n</main></body></html>\n"
    )


def headline(whole: Evaluation) -> str:
    """The verdict on a segment in a sentence."""
    return f"{words.segment(whole.segment)}: {_verdict(whole)}"


def _verdict(whole: Evaluation) -> str:
    if whole.verdict == "drifted":
        return f"drifted since {words.clock(whole.since or whole.window_start)}"
    return (whole.verdict or "not judged").replace("_", " ")


def _lead(evidence: Evidence, written: str) -> str:
    whole = evidence.whole
    told = [f"Window {words.clock(whole.window_start)} to {words.clock(whole.window_end)}"]
    if whole.revision:
        told.append(f"revision {whole.revision}, as data came later")
    told.append(f"judged {words.clock(whole.evaluated)}")
    told.append(f"written {words.clock(written)} from {evidence.url}")
    reason = f"<p>{escape(words.plain(whole.reason))}.</p>" if whole.reason else ""
    return f'<p class="soft">{escape(" · ".join(told))}</p>{reason}'


def _tiles(evidence: Evidence) -> str:
    whole = evidence.whole
    moved = sum(one.verdict == "drifted" for one in evidence.features)
    of = f"{words.count(whole.devices)} expected devices"
    tiles = [
        ("Effect (PSI)", words.effect(whole.value), _bounds(whole, words.effect)),
        ("Features that moved", f"{moved} of {len(evidence.features)}", "having paid for all questions"),
        ("Predictions", words.count(whole.n), f"of {of}"),
        ("Coverage", words.share(whole.coverage), "of the expected device time"),
    ]
    for one in evidence.beside:
        if one.measure in _BESIDE:
            name, write = _BESIDE[one.measure]
            tiles.append((name, write(one.value), _bounds(one, write) or one.reason or ""))
    return '<dl class="tiles">' + "".join(map(_tile, tiles)) + "</dl>"


def _tile(tile: tuple[str, str, str]) -> str:
    name, value, note = map(escape, tile)
    return f"<div><dt>{name}</dt><dd><b>{value}</b><span>{note}</span></dd></div>"


def _bounds(one: Evaluation, write: Callable[[float | None], str]) -> str:
    if one.lower is None or one.upper is None:
        return ""
    return f"{write(one.lower)} to {write(one.upper)}" + (
        f", n\u00a0=\u00a0{words.count(one.n)}" if one.n else ""
    )


def _quality(suspects: Sequence[Evaluation]) -> str:
    if not suspects:
        return ""
    # The segment's own row names the worst of all, also what is of no single feature.
    told = [one for one in suspects if one.feature is None]
    if not told or len(suspects) > _WORST:
        told += [one for one in suspects if one.feature is not None]
    lines = "".join(
        f"<li>{escape(words.plain(one.reason or words.feature(one.feature)))}</li>" for one in told
    )
    return f"<h2>Data that are not sound</h2><ul>{lines}</ul>"


def _course(evidence: Evidence) -> str:
    series = evidence.course
    if series is None or sum(point.mean is not None for point in series.points) < 2:
        return ""
    name = words.feature(series.feature)
    sentence = f"PSI of {name} in the last {len(series.points)} windows, with its bounds"
    return (
        f"<h2>{escape(name)} over time</h2>"
        '<figure class="course wide" tabindex="0"><figcaption>PSI by window, with its bounds; dashed: limit.'
        f" Times are UTC.</figcaption>{pictures.course(series, sentence)}</figure>"
    )


def _features(evidence: Evidence) -> str:
    if not evidence.features:
        return ""
    limit = _limit(evidence)
    most = 1.05 * max([one.upper or 0.0 for one in evidence.features] + [2 * (limit or 0.0), 1e-9])
    rows = "".join(_feature(one, limit, most) for one in evidence.features)
    told = ""
    if limit is not None:
        told = (
            '<p class="soft">PSI is the shift less what chance gives it, “at least” its lower bound at 95%. A'
            f" feature has moved where that is above {words.number(limit)} (dashed) and q, the p-value that"
            " has paid for all questions, is up to 0.05.</p>"
        )
    return f"<h2>Features</h2>{told}{tables.framed(_HEAD, rows, numbers=_NUMBERS)}"


def _feature(one: Evaluation, limit: float | None, most: float) -> str:
    moved = one.verdict == "drifted"
    verdict = "▲ moved" if moved else (one.reason or one.verdict or words.UNKNOWN).replace("_", " ")
    if moved and (direction := (one.details or {}).get("direction")):
        verdict = f"▲ {direction}"
    picture = ""
    if limit is not None and one.value is not None and one.lower is not None and one.upper is not None:
        picture = pictures.interval(one.value, one.lower, one.upper, limit, most)
    numbers = [
        f"<td{tables.NUMBER}>{text}</td>"
        for text in (
            words.effect(one.value),
            words.effect(one.lower),
            words.probability(one.q),
            words.count(one.n),
            words.number(one.phi),
        )
    ]
    return (
        f'<tr><th scope="row">{escape(words.feature(one.feature))}</th>'
        f"<td{' class=over' if moved else ''}>{escape(str(verdict))}</td>"
        f"{''.join(numbers[:2])}<td>{picture}</td>{''.join(numbers[2:])}"
        f"<td>{escape(one.phi_source or words.UNKNOWN)}</td></tr>"
    )


def _distributions(evidence: Evidence) -> str:
    if not evidence.distributions:
        return ""
    figures = [
        f"<figure><figcaption><h3>{escape(words.feature(one.feature))}</h3>{escape(words.plain(one.sentence))}</figcaption>"
        f"{pictures.distribution(one.bins, words.plain(one.sentence))}</figure>"
        for one in evidence.distributions
    ]
    key = "".join(
        f'<span class="key"><i class="{kind}"></i>{name}</span>'
        for kind, name in (("now", "now"), ("was", "reference"))
    )
    left = len(evidence.features) - len(figures)
    more = f'<p class="soft">{left} more features are in the table only.</p>' if left > 0 else ""
    return (
        f'<h2>Now and reference</h2><p class="soft">{key}</p>'
        f'<div class="pictures">{"".join(figures)}</div>{more}'
    )


def _elsewhere(findings: Sequence[Evaluation]) -> str:
    if not findings:
        return ""
    rows = [
        (
            words.segment(one.segment),
            words.effect(one.value),
            words.effect(one.lower),
            words.clock(one.since),
        )
        for one in findings
    ]
    head = ("segment", "PSI", "at least", "since")
    return f"<h2>Other findings of this window</h2>{tables.table(head, rows, numbers=(1, 2))}"


def _references(evidence: Evidence) -> str:
    name = evidence.whole.reference
    if not evidence.references:
        return f"<h2>Compared with</h2><p>{escape(name)}</p>" if name else ""
    rows = [
        (one.id, one.version, words.count(one.rows), one.binning, words.clock(one.registered))
        for one in evidence.references
    ]
    head = ("reference", "version", "rows", "binning", "registered")
    return f"<h2>Compared with</h2>{tables.table(head, rows, numbers=(2,))}"


def _attached(report: str | None) -> str:
    if report is None:
        return ""
    return (
        "<h2>Evidently's report on the samples</h2>"
        f'<iframe title="Evidently\'s report" sandbox="allow-scripts" srcdoc="{escape(report)}"></iframe>'
    )


def _limit(evidence: Evidence) -> float | None:
    known = [one.limit for one in evidence.distributions if one.limit is not None]
    return known[0] if known else evidence.course.limit if evidence.course else None
