"""What has drifted in a window, by itself or merged with those before it, and which segments explain it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from driftline_collector.analysis.cell_sums import CellSums
from driftline_collector.analysis.comparison import Comparison
from driftline_collector.analysis.detectors.step_up import Kept, step_up
from driftline_collector.analysis.explain import Finding, Scan
from driftline_collector.analysis.segments import Lattice
from driftline_collector.analysis.spans import Span

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Whole = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Before:
    """Which of the N nodes had drifted when last they could be judged, and which of them were findings."""

    drifted: Flags
    findings: Flags


@dataclass(frozen=True, slots=True)
class Searched:
    """What was found; arrays are by node (N), `lingering` by feature, too.

    `comparison` and `kept` are those of the window itself, but where only a wider span, or what other
    findings leave (`apart`), shows the drift. `windows` says how many windows a node's numbers are of,
    `began` how many windows ago its drift did. `lingering` are features of nodes that had drifted and of
    which a span cannot say that they are well again beside what findings explain.
    """

    comparison: Comparison
    kept: Kept
    findings: tuple[Finding, ...]
    apart: frozenset[int]
    windows: Whole
    began: Whole
    lingering: Flags


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """Narrow spans are searched first: what explains a drift there is set aside for the wider ones.

    `tested` compares segments, given by the cells of each, by sums of cells. `false_discovery` is the
    accepted share of false findings in all.
    """

    spans: Sequence[Span]
    tested: Callable[[CellSums, Flags], Comparison]
    lattice: Lattice
    before: Before
    false_discovery: float
    minimum_rows: float

    def share_of(self, span: Span) -> float:
        """Its part of the accepted share of false findings.

        Half of it is the widest span's, whose rows are almost the same from one window to the next: so many
        questions in a day are asked of a narrow one, so few of the widest.
        """
        widest, others = self.spans[-1], len(self.spans) - 1
        if not others:
            return self.false_discovery
        return self.false_discovery / (2 if span is widest else 2 * others)

    def run(self) -> Searched:
        """Search all spans."""
        every = self.lattice.members
        own = self.tested(self.spans[0].sums, every)
        comparison, kept = own, None
        left: Flags = np.asarray(self.spans[0].sums.telling.any(axis=(-2, -1)))
        windows, began = np.ones(len(every), np.int64), np.zeros(len(every), np.int64)
        found: list[Finding] = []
        searched: list[tuple[_InSpan, Comparison, Flags]] = []
        apart: set[int] = set()
        for span in self.spans:
            in_span = _InSpan(self, span, own)
            members = every & left
            known, fewer = own, np.asarray((every & ~members).any(-1))
            if span.width > 1:
                known, fewer = self.tested(span.sums, members), np.zeros_like(fewer)
            here, kept_here = in_span.judge(members, known, fewer)
            kept = kept or kept_here
            new = kept_here.segments & ~kept.segments
            comparison, kept = comparison.with_rows(new, here.only(new)), kept.with_rows(new, kept_here)
            windows[new] = len(span.windows)
            began[new] = in_span.began(new, members, here, kept_here)
            searched.append((in_span, here, members))
            for finding in in_span.scan(here, kept_here).findings(left) if kept_here.segments.any() else ():
                found.append(finding)
                if not kept.segments[finding.node]:
                    row = np.arange(len(every)) == finding.node
                    comparison = comparison.with_rows(row, finding.comparison.only(row))
                    kept = kept.with_rows(row, finding.kept)
                    windows[row] = len(span.windows)
                    apart.add(finding.node)
        assert kept is not None  # noqa: S101  # the window itself is a span
        explained = np.asarray(every[[f.node for f in found if f.left_of is None]].any(0))
        lingering = np.zeros(own.p.shape, dtype=np.bool_)
        for in_span, here, members in searched:
            lingering |= in_span.lingering(here, members, explained)
        return Searched(comparison, kept, tuple(found), frozenset(apart), windows, began, lingering)


@dataclass(frozen=True, slots=True)
class _InSpan:
    """The search of one span; `own` is the comparison of the window itself."""

    search: Search
    span: Span
    own: Comparison

    @property
    def _believed(self) -> float:
        q = self.search.false_discovery
        return float(np.log((1 - q) / q))

    def judge(self, members: Flags, known: Comparison, fewer: Flags) -> tuple[Comparison, Kept]:
        """Judge the lattice's nodes, each less what has been set aside. Those are compared anew that have
        `fewer` cells, (N,), than when they became `known`.
        """
        search = self.search
        some = np.asarray(members.any(-1))
        # Of what is all set aside nothing is left to test.
        comparison = replace(known, p=np.where(some[:, None], known.p, np.nan))
        if (fewer := fewer & some).any():
            comparison = comparison.with_rows(fewer, search.tested(self.span.sums, members[fewer]))
        share = search.share_of(self.span)
        if self.span.width == 1:
            return comparison, step_up(comparison.p, share)
        # A segment that has too few rows now has no verdict on this window.
        p = np.where(self.own.n >= search.minimum_rows, comparison.p, np.nan)
        kept = step_up(p, share)
        agree = self._agree(kept.segments, members, comparison, kept.features)
        return comparison, kept.among(agree)

    def scan(self, comparison: Comparison, kept: Kept) -> Scan:
        """The search for what explains this span's drift, given what `judge` says of all nodes."""
        search = self.search
        return Scan(
            judge=self.judge,
            whole=(comparison, kept),
            sums=self.span.sums,
            lattice=search.lattice,
            cell_phi=comparison.phi[search.lattice.leaves],
            standing=search.before.findings,
            believed=self._believed,
        )

    def began(self, nodes: Flags, members: Flags, comparison: Comparison, kept: Kept) -> Whole:
        """How many windows ago the drift of some nodes began, as is most likely."""
        if self.span.width == 1 or not nodes.any():
            return np.zeros(int(nodes.sum()), dtype=np.int64)
        return np.asarray(self._going_back(nodes, members, comparison, kept.features).argmax(0))

    def lingering(self, comparison: Comparison, members: Flags, explained: Flags) -> Flags:
        """Features of nodes that had drifted and still may, (N, F), beside the cells that are `explained`.

        Where what findings explain leaves too few rows of a node, all of it is asked.
        """
        nodes = self.search.before.drifted
        fewer = nodes & (members & explained).any(-1)
        if fewer.any():
            rest = self.search.tested(self.span.sums, members[fewer] & ~explained)
            enough = np.asarray(np.isfinite(rest.p).any(-1))
            fewer[fewer] = enough
            comparison = comparison.with_rows(fewer, rest.only(enough))
            members = members & ~(fewer[:, None] & explained)
        # As a question by itself, which need not pay for the others.
        moved = np.nan_to_num(comparison.p, nan=1.0) <= self.search.false_discovery
        nodes = nodes & moved.any(-1)
        if self.span.width > 1:
            nodes = self._agree(nodes, members, comparison, moved)
        return np.asarray(moved & nodes[:, None], dtype=np.bool_)

    def _agree(self, nodes: Flags, members: Flags, comparison: Comparison, moved: Flags) -> Flags:
        """Those of some nodes whose latest windows do not say that it is over, (N,)."""
        if not nodes.any():
            return nodes
        agree = np.zeros(len(nodes), dtype=np.bool_)
        said = self._going_back(nodes, members, comparison, moved)
        agree[nodes] = said.min(0) >= -self._believed
        return agree

    def _going_back(self, nodes: Flags, members: Flags, comparison: Comparison, moved: Flags) -> Floats:
        """What the latest windows, one, two and so on, say for the shift of some nodes; (windows, nodes)."""
        return np.cumsum(self.span.course(nodes, members, moved, comparison, self.own.phi), axis=0)
