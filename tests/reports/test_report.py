"""`driftline report`: one file that tells a window of a segment, whatever its names, and loads nothing."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from driftline_collector.errors import ClientError
from driftline_collector.reports import pictures, words
from driftline_collector.reports.evidence import Evidence, gather
from driftline_collector.reports.page import headline, page

from tests.api.seeded import Seeded, seeded
from tests.api.serving import serving
from tests.cli.command import driftline, here
from tests.seeding import SMALL

WRITTEN = "2026-11-21T10:00:00+00:00"
VOID = {"meta"}


class Wellformed(HTMLParser):
    """Every element that begins ends, in order; what it loads, and the texts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.loaded: list[str] = []
        self.tags: list[str] = []
        self.labels: list[str] = []
        self.said = ""
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.loaded += [value or "" for name, value in attributes if name in {"src", "href", "data"}]
        self.labels += [value or "" for name, value in attributes if name == "aria-label"]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.said += data


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seeded]:
    with seeded(tmp_path_factory.mktemp("report") / "small.duckdb", SMALL) as running:
        yield running


@pytest.fixture(scope="module")
def evidence(small: Seeded) -> Evidence:
    return gather(small.client, None, None, None, 12)


def test_without_a_segment_it_is_about_the_finding_that_explains_most(evidence: Evidence) -> None:
    assert evidence.whole.segment == "model=digits,version=*,device_type=camera-b,region=*"
    assert headline(evidence.whole).startswith("digits, device type camera-b: drifted since 2026-11-21 ")
    drifted = [one for one in evidence.features if one.verdict == "drifted"]
    assert list(evidence.features[: len(drifted)]) == drifted
    assert drifted[0].lower == max(one.lower or 0 for one in drifted)


def test_the_file_tells_all_features_with_their_numbers_and_loads_nothing(evidence: Evidence) -> None:
    found = Wellformed(page(evidence, written=WRITTEN))
    assert found.loaded == []
    assert "script" not in found.tags
    for one in evidence.features:
        assert words.feature(one.feature) in found.said
        assert words.effect(one.value) in found.said
    assert all(one.id in found.said for one in evidence.references)
    assert evidence.references
    assert "__score__" not in found.said
    sentences = {words.plain(drawn.sentence) for drawn in evidence.distributions}
    assert sentences <= set(found.labels), "a picture says what it shows"


def test_what_changed_is_told_where_it_is_known(evidence: Evidence) -> None:
    said = Wellformed(page(evidence, written=WRITTEN)).said
    assert "contrast began to move" in said
    assert "Devices that make most of the shift" in said
    without = replace(evidence, whole=replace(evidence.whole, details={}))
    assert "What changed" not in Wellformed(page(without, written=WRITTEN)).said


def test_data_that_are_not_sound_are_told_with_their_reason(evidence: Evidence) -> None:
    suspect = replace(
        evidence.whole, measure="quality", verdict="suspect", feature="ink", reason="ink: 9% <out>"
    )
    said = Wellformed(page(replace(evidence, suspects=(suspect,)), written=WRITTEN)).said
    assert "ink: 9% <out>" in said
    assert "not sound" not in Wellformed(page(replace(evidence, suspects=()), written=WRITTEN)).said


def test_a_segment_and_a_moment_can_be_chosen(small: Seeded) -> None:
    before = small.client.evaluations(measure="drift", limit=10_000).items[-1]
    found = gather(small.client, before.segment, None, before.window_end, 3)
    assert (found.whole.segment, found.whole.window_start) == (before.segment, before.window_start)
    assert len(found.distributions) <= 3


def test_what_was_never_judged_is_refused(small: Seeded) -> None:
    with pytest.raises(ClientError, match="nothing was judged of toaster"):
        gather(small.client, None, "toaster", None, 12)
    with pytest.raises(ClientError, match="before 2020"):
        gather(small.client, None, None, "2020-01-01T00:00:00Z", 12)


def test_names_that_look_like_html_are_only_names(evidence: Evidence) -> None:
    hostile = '</style><script src="http://far.example/x.js">'
    feature = replace(evidence.features[0], feature=hostile, reason=hostile)
    whole = replace(
        evidence.whole,
        reason=hostile,
        reference=hostile,
        details={"changed": {"feature": hostile, "contributors": [{"device": hostile, "share": 1, "n": 2}]}},
    )
    distribution = replace(
        evidence.distributions[0],
        feature=hostile,
        sentence=hostile,
        bins=(replace(evidence.distributions[0].bins[0], name=hostile, low=None, high=None),),
    )
    poisoned = replace(
        evidence, whole=whole, features=(feature,), distributions=(distribution,), url=hostile, references=()
    )
    found = Wellformed(page(poisoned, written=WRITTEN, attached=hostile))
    assert "script" not in found.tags
    assert found.loaded == []
    assert hostile in found.said


def test_another_report_is_shown_in_a_frame_that_can_reach_nothing(evidence: Evidence) -> None:
    text = page(evidence, written=WRITTEN, attached='<p>of "another" tool & more</p>')
    assert (
        'sandbox="allow-scripts" srcdoc="&lt;p&gt;of &quot;another&quot; tool &amp; more&lt;/p&gt;"' in text
    )
    Wellformed(text)


def test_the_course_breaks_where_windows_are_left_out(evidence: Evidence) -> None:
    series = evidence.course
    assert series is not None
    whole = pictures.course(series, "all")
    gap = replace(series, points=(*series.points[:5], *series.points[8:]))
    assert pictures.course(gap, "some").count("<polyline") == whole.count("<polyline") + 1
    assert pictures.course(replace(series, points=()), "none") == ""


def test_the_bars_are_as_high_as_the_shares(evidence: Evidence) -> None:
    bins = evidence.distributions[0].bins
    heights = [
        float(h)
        for h in re.findall(r'<rect class="now"[^>]* height="([\d.]+)"', pictures.distribution(bins, ""))
    ]
    most = max(max(one.now_share, one.reference_share) for one in bins)
    assert heights == pytest.approx([112 * one.now_share / most for one in bins], abs=0.06)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (words.number(None), "–"),
        (words.effect(-0.0021), "0"),
        (words.probability(0.0), "< 1e-300"),
        (words.probability(0.0123), "0.012"),
        (words.share(0.256), "25.6%"),
        (words.seconds(0.0421), "42.1 ms"),
        (words.seconds(2.0), "2 s"),
        (words.clock("2026-11-21T09:41:20.5Z"), "2026-11-21 09:41:20 UTC"),
        (words.at(1_767_225_600 * 10**9), "2026-01-01 00:00:00 UTC"),
        (words.segment("model=m,version=*,device_type=a,region=*"), "m, device type a"),
        (words.segment("model=m,version=*,device_type=*,region=*"), "m, all devices"),
    ],
)
def test_numbers_and_names_are_written_for_people(written: str, expected: str) -> None:
    assert written == expected


def test_the_command_writes_the_file_and_says_what_it_is_of(tmp_path: Path) -> None:
    from tests.alerts.evaluated import CAMERA_A, drifted
    from tests.cli.test_drift import judge

    with serving(tmp_path) as collector:
        said = here("report", "--url", collector.url, cwd=tmp_path)
        assert said.returncode == 1
        assert "nothing was judged of anything" in said.stderr
        odd = here("report", "--at", "yesterday", "--url", collector.url, cwd=tmp_path)
        assert (odd.returncode, odd.stderr.startswith("driftline: --at: 'yesterday' is no time")) == (1, True)
        judge(collector, drifted(0, CAMERA_A))
        done = driftline("report", "--url", collector.url, "--json", "-o", "r.html", cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        told = json.loads(done.stdout)
        assert (told["segment"], told["verdict"]) == (CAMERA_A, "drifted")
        assert "drifted since" in Wellformed((tmp_path / "r.html").read_text(encoding="utf-8")).said
        refused = here("report", "--url", collector.url, "-o", "no/such/folder.html", cwd=tmp_path)
        assert refused.returncode == 1
        assert "cannot be written" in refused.stderr


def test_without_evidently_it_says_what_to_install(
    tmp_path: Path, small: Seeded, evidence: Evidence, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    from driftline_collector.cli.evidently import report_on_samples

    monkeypatch.setitem(sys.modules, "evidently", None)
    with pytest.raises(ClientError, match=r"needs evidently, .* pip install 'driftline\[reports\]'"):
        report_on_samples(small.client, evidence, tmp_path / "train.csv")


@pytest.mark.peers
def test_evidentlys_report_on_the_samples_is_attached(
    tmp_path: Path, small: Seeded, evidence: Evidence
) -> None:
    """Where `evidently` is installed, which our own environment does without."""
    pytest.importorskip("evidently", reason="evidently is not installed: pip install -e '.[reports]'")
    from driftline_collector.cli.evidently import report_on_samples

    (tmp_path / "train.csv").write_text("contrast,sharpness\n" + "0.5,0.4\n0.2,0.9\n" * 100)
    attached = report_on_samples(small.client, evidence, tmp_path / "train.csv")
    assert "Drift" in attached
    assert "srcdoc=" in page(evidence, written=WRITTEN, attached=attached)
    (tmp_path / "other.csv").write_text("toast\n1\n")
    with pytest.raises(ClientError, match="has no feature of the samples"):
        report_on_samples(small.client, evidence, tmp_path / "other.csv")
