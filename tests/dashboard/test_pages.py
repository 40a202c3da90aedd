"""Each page drawn by Streamlit's own tester, against a collector that is well, empty, broken or gone."""

import re
from collections.abc import Mapping
from html import unescape

import pytest
from streamlit.testing.v1 import AppTest

from tests.dashboard.conftest import SCRIPT, Serve, expire, forget
from tests.dashboard.fake_fleet import Fleet

PAGES = ("now", "alert", "drift", "quality")
HOSTILE = '<img src=x onerror="alert(1)">[a](http://evil.example)'


def show(page: str, parameters: Mapping[str, str] | None = None) -> AppTest:
    """A page as its URL asks for it."""

    def script(name: str) -> None:
        import streamlit as st  # this function's source is run elsewhere
        from driftline_dashboard import app, routes, shell

        shell.dress()
        st.navigation(list(routes.register(app.PAGES).values()), position="hidden")
        app.PAGES[name]()

    tester = AppTest.from_function(script, default_timeout=30, kwargs={"name": page})
    for name, value in (parameters or {}).items():
        tester.query_params[name] = value
    tester.run()
    assert not tester.exception
    return tester


def html(tester: AppTest) -> str:
    """The HTML that the page's own parts are made of, without the style sheet."""
    bodies = [element.proto.body for element in tester if element.type == "html"]
    return "\n".join(body for body in bodies if not body.startswith("<style>"))


def text(tester: AppTest) -> str:
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]*>", " ", html(tester))))


def title(tester: AppTest) -> str:
    found = re.findall(r'<h1 class="dl-h1">(.*?)</h1>', html(tester))
    assert len(found) == 1, "a page has one title"
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]*>", "", found[0]))).strip()


def links(tester: AppTest) -> dict[str, str]:
    """Label → page?parameters."""
    found = [element.proto for element in tester if element.type == "page_link"]
    return {
        re.sub(r"\s+", " ", link.label.replace("\\", "")): f"{link.page}?{link.query_string}"
        for link in found
    }


def charts(tester: AppTest) -> int:
    return sum(element.type == "vega_lite_chart" for element in tester)


def test_the_script_draws_the_first_page(serve: Serve) -> None:
    serve(Fleet())
    tester = AppTest.from_file(str(SCRIPT), default_timeout=30).run()
    assert not tester.exception
    assert title(tester).startswith("▲ 1 segment of digits has moved: camera-b (3 regions) since")


def test_now_says_what_moved_how_sure_and_where_to_click(serve: Serve) -> None:
    serve(Fleet(alerts=2))
    tester = show("now")
    shown = text(tester)
    assert "sharpness, contrast moved on camera-b" in shown
    assert re.search(r"Effect \(PSI\) 0\.37 \(0\.\d\d–0\.\d\d\), limit 0\.02", shown)
    assert "Changed nearby: firmware 4.1.2 → 4.2.0 on 218 devices, 7 min before the start" in shown
    assert re.search(r"Data up to \d\d:\d\d:\d\d UTC \(\d+ s ago\) · 1 987 of 2 000 devices reported", shown)
    assert links(tester)["Investigate →"].startswith("alert?model=digits&id=a0000")
    assert charts(tester) == 1


def test_a_quiet_night_is_said_in_the_title(serve: Serve) -> None:
    serve(Fleet(moved=(), alerts=0, sparse=False))
    assert title(show("now")) == "All is well: 27 segments stable"


def test_alerts_are_paged_and_the_url_says_which(serve: Serve) -> None:
    serve(Fleet(alerts=500))
    tester = show("now", {"page": "3"})
    assert "13–18 of 500 alerts, the worst first" in text(tester)
    assert links(tester)["Next →"].endswith("page=4")


def test_the_square_that_the_url_names_is_told_below_the_grid(serve: Serve) -> None:
    serve(Fleet())
    shown = text(show("now", {"type": "phone", "region": "us-east"}))
    assert (
        "phone in us-east : insufficient_data; 74 rows count for 31; a verdict needs 50; n 74"
        in shown.replace("</b>", "")
    )


def test_without_a_reference_the_page_says_how_to_register_one(serve: Serve) -> None:
    serve(Fleet(reference=False, moved=(), alerts=0))
    tester = show("now")
    assert title(tester) == "No verdict on digits yet: it has no reference"
    assert charts(tester) == 0
    assert any("driftline reference register" in code.value for code in tester.code)


def test_an_alert_opens_with_its_course_its_cells_and_its_bins(serve: Serve) -> None:
    serve(Fleet())
    tester = show("alert", {"id": "a00000"})
    assert title(tester).startswith("▲ sharpness, contrast moved on camera-b since")
    assert charts(tester) == 3
    shown = text(tester)
    assert "Sharpness moved down: the share below 0.41 rose from 30 % to 72 %." in shown
    assert "Firmware 4.2.0 98.0 % 4.0 % +94 points" in shown
    assert any("driftline alerts silence" in code.value for code in tester.code)


def test_an_alert_without_an_id_offers_those_there_are(serve: Serve) -> None:
    serve(Fleet(alerts=2))
    tester = show("alert")
    assert title(tester) == "Which alert?"
    assert sum(target.startswith("alert?model=digits&id=") for target in links(tester).values()) == 2


def test_an_unknown_alert_is_said_to_be_unknown_and_others_are_offered(serve: Serve) -> None:
    serve(Fleet())
    tester = show("alert", {"id": "zz"})
    assert title(tester) == "There is no such alert"
    assert "no alert “zz”" in text(tester)
    assert any("id=a00000" in target for target in links(tester).values())


@pytest.mark.parametrize(
    ("kind", "said"), [("camera-b", "out of the reference's range"), ("camera-a", "No fault is seen")]
)
def test_drift_tells_of_faults_in_the_data_of_the_segment_in_view(serve: Serve, kind: str, said: str) -> None:
    serve(Fleet())
    tester = show("drift", {"type": kind})
    assert "Data quality" in text(tester)
    assert said in text(tester).replace("&#x27;", "'")


def test_an_alert_tells_since_when_it_drifts_whose_shift_it_is_and_on_which_devices(serve: Serve) -> None:
    serve(Fleet())
    said = text(show("alert", {"id": "a0"}))
    assert "Began about" in said
    assert "points to the devices" in said
    assert "cam-0109" in said


def test_drift_shows_the_feature_that_the_url_names(serve: Serve) -> None:
    serve(Fleet(features=40, types=5, regions=4))
    tester = show("drift", {"feature": "ink"})
    assert title(tester).startswith("▲ 3 features have moved in 4 segments: sharpness, contrast")
    assert "ink over time" in text(tester)
    assert charts(tester) == 4


def test_quality_says_how_many_answers_are_right_and_how_sure_that_is(serve: Serve) -> None:
    serve(Fleet())
    tester = show("quality")
    assert title(tester) == (
        "93.1 % of the answers of digits 2.1.0 are right (90.9–94.9 %, n 604), the least of 2 versions"
    )
    # Accuracy, agreement, confusion, and calibration with its counts and without, for narrow screens.
    assert charts(tester) == 5


def test_without_labels_quality_says_how_to_send_them(serve: Serve) -> None:
    serve(Fleet(labels=False))
    tester = show("quality")
    assert "No ground truth yet." in text(tester)
    assert any("driftline labels import" in code.value for code in tester.code)


@pytest.mark.parametrize("page", PAGES)
def test_an_empty_collector_is_told_from_a_broken_one(serve: Serve, page: str) -> None:
    serve(Fleet(models=()))
    tester = show(page)
    assert title(tester) == "No device has reported yet"
    assert any("driftline.Monitor(" in code.value for code in tester.code)


@pytest.mark.parametrize("page", PAGES)
def test_a_collector_that_is_not_there_is_named_with_the_command_that_starts_one(
    serve: Serve, page: str
) -> None:
    serve(Fleet()).stop()
    tester = show(page)
    assert title(tester) == "No collector answers"
    assert "start one with: driftline collector" in text(tester)


def test_when_the_collector_stops_the_last_answer_stays_and_is_labelled(serve: Serve) -> None:
    collector = serve(Fleet())
    before = title(show("now"))
    collector.stop()
    expire()
    tester = show("now")
    assert title(tester) == before
    assert re.search(r"No answer from the collector for \d+ s\. Showing \d\d:\d\d\.", text(tester))
    collector.start()
    expire()
    assert "No answer" not in text(show("now"))


def test_a_503_warns_in_its_card_and_leaves_the_others(serve: Serve) -> None:
    collector = serve(Fleet())
    collector.status["/distributions"] = 503
    tester = show("alert", {"id": "a00000"})
    assert html(tester).count('class="dl-notice') == 1
    assert "sharpness: The store is busy; ask again in a moment." in text(tester)
    assert charts(tester) == 2


def test_an_answer_in_another_shape_is_said_and_ends_no_page(serve: Serve) -> None:
    collector = serve(Fleet())
    collector.replaced["/distributions"] = {"feature": 1}
    tester = show("alert", {"id": "a00000"})
    assert "answers in another shape" in text(tester)
    assert charts(tester) == 2


def test_unknown_and_wrong_parameters_are_said_and_left_out(serve: Serve) -> None:
    serve(Fleet())
    tester = show("drift", {"nonsense": "1", "from": "yesterday", "model": "nope"})
    shown = text(tester)
    assert "does not know the parameter “nonsense”" in shown
    assert "“yesterday” is no time; write 2026-11-21T09:41:20Z, or 6h" in shown
    assert "knows no model “nope”. It knows: digits, letters." in shown


@pytest.mark.parametrize(
    ("page", "path"),
    [("drift", "/evaluations/heatmap"), ("devices", "/devices"), ("quality", "/performance")],
)
def test_a_line_can_be_picked_where_regions_can(serve: Serve, page: str, path: str) -> None:
    collector = serve(Fleet(devices=20, types=2, own={"segment.line": ("A1", "A3")}))
    forget()
    tester = show(page, {"region": "eu-west", "segment.line": "A3"})
    assert not tester.exception
    picker = tester.selectbox(key="url:segment.line")
    assert (picker.label, picker.options, picker.value) == ("Line", ["Every line", "A1", "A3"], "A3")
    keys = {query["segment"] for asked, query in collector.queries if asked == path}
    assert keys == {"model=digits,version=*,device_type=*,region=eu-west,segment.line=A3"}
    picker.select("").run()
    assert dict(tester.query_params) == {"region": "eu-west"}


def test_a_fleet_without_lines_has_no_picker_for_them(serve: Serve) -> None:
    serve(Fleet(devices=20, types=2))
    labels = [picker.label for picker in show("drift").selectbox]
    assert labels == ["Model", "Version", "Device type", "Region", "Time (UTC)"]


@pytest.mark.parametrize("page", PAGES)
def test_what_devices_call_themselves_is_text_on_every_page(serve: Serve, page: str) -> None:
    serve(Fleet(named=HOSTILE, moved=(HOSTILE,), alerts=2))
    tester = show(page, {"id": "a00000"} if page == "alert" else {})
    assert "<img" not in html(tester)
    for element in tester:
        if element.type == "page_link":
            assert not re.search(r"(?<!\\)[<\[]", element.proto.label), "Markdown is escaped"
        assert element.type != "markdown", "markdown would have to be escaped"


def test_answers_are_asked_for_once_by_all_cards_of_a_page(serve: Serve) -> None:
    collector = serve(Fleet())
    forget()
    show("now")
    assert sorted(collector.asked) == ["/models", "/overview"]
