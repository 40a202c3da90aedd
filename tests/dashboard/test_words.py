"""How numbers, times and names are written."""

from datetime import UTC, datetime

import pytest
from driftline_dashboard import words

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def spaced(text: str) -> str:
    return text.replace(words.NARROW, " ")


@pytest.mark.parametrize(
    ("seconds", "written"),
    [
        (0, "0 s"),
        (0.0182, "18.2 ms"),
        (1, "1 s"),
        (2.5, "2.50 s"),
        (18, "18 s"),
        (90, "90 s"),
        (240, "4 min"),
        (5_400, "90 min"),
        (12_000, "3 h 20 min"),
        (7_200, "2 h"),
        (93_600, "1 d 2 h"),
        (2_000_000, "23 d"),
        (-18, "−18 s"),
        (float("nan"), "–"),
    ],
)
def test_durations_are_written_in_the_unit_that_people_use(seconds: float, written: str) -> None:
    assert spaced(words.duration(seconds)) == written


@pytest.mark.parametrize(
    ("value", "written"), [(0, "0"), (1987, "1 987"), (1.2e7, "12 000 000"), (-1500, "−1 500"), (None, "–")]
)
def test_thousands_are_set_apart(value: float | None, written: str) -> None:
    assert spaced(words.count(value)) == written


def test_one_is_no_plural() -> None:
    assert words.counted(1, "device") == "1 device"
    assert spaced(words.counted(2000, "device")) == "2 000 devices"
    assert words.counted(0, "device") == "0 devices"


@pytest.mark.parametrize(
    ("value", "written"),
    [(0.934, "93.4 %"), (0.00024, "0.02 %"), (0.9998, "99.98 %"), (1, "100 %"), (0, "0 %"), (None, "–")],
)
def test_shares_are_finer_near_their_ends(value: float | None, written: str) -> None:
    assert spaced(words.share(value)) == written


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (0.3712, "0.37"),
        (0.0812, "0.081"),
        (0.0999, "0.10"),
        (0.0003, "0"),
        (-0.02, "0"),
        (11.512, "11.5"),
        (None, "–"),
    ],
)
def test_effects_have_two_places_or_three(value: float | None, written: str) -> None:
    assert words.effect(value) == written


@pytest.mark.parametrize(
    ("value", "digits", "written"),
    [
        (0.0312, 2, "0.031"),
        (12345.6, 3, "12 300"),
        (0, 2, "0"),
        (1e-9, 2, "1.0e-09"),
        (float("inf"), 2, "–"),
    ],
)
def test_significant_digits_stay_within_reach_of_a_reader(value: float, digits: int, written: str) -> None:
    assert spaced(words.significant(value, digits)) == written


def test_an_interval_names_its_unit_once_and_says_when_it_is_one_sided() -> None:
    assert words.interval(0.27, 0.36) == "0.27–0.36"
    assert spaced(words.interval(0.918, 0.943, words.share)) == "91.8–94.3 %"
    assert spaced(words.interval(1_500, 2_500, words.count)) == "1 500–2 500"
    assert spaced(words.interval(90, 7200, words.duration)) == "90 s–2 h"
    assert words.interval(0.27, None) == "at least 0.27"
    assert words.interval(None, 0.36) == "at most 0.36"
    assert words.interval(None, None) == ""


def test_a_change_is_a_share_of_what_was_before() -> None:
    assert spaced(words.change(104, 100)) == "+4.0 %"
    assert spaced(words.change(50, 100)) == "−50 %"
    assert words.change(50, 0) == ""
    assert words.change(50, None) == ""


def test_times_are_utc_and_name_the_day_only_where_it_is_another() -> None:
    moment = words.parse_time("2026-11-21T10:31:00+01:00")
    assert words.clock(moment, today=NOON) == "09:31"
    assert words.clock(words.parse_time("2026-11-20T23:31:00Z"), today=NOON) == "20 Nov 23:31"
    assert words.clock(words.parse_time("2025-11-20T23:31:00Z"), today=NOON) == "20 Nov 2025 23:31"
    assert words.clock(None) == "an unknown time"
    assert words.parse_time("yesterday") is None


def test_a_clock_that_runs_ahead_gives_no_negative_age() -> None:
    assert spaced(words.since(words.parse_time("2026-11-21T11:59:42Z"), NOON)) == "18 s ago"
    assert words.since(words.parse_time("2026-11-21T12:00:05Z"), NOON) == "just now"
    assert words.since(None, NOON) == "never"


@pytest.mark.parametrize(
    ("key", "written"),
    [
        ("model=digits,version=*,device_type=camera-b,region=eu-west", "camera-b in eu-west"),
        ("model=digits,version=*,device_type=camera-b,region=*", "camera-b"),
        ("model=digits,version=*,device_type=*,region=eu-west", "every type in eu-west"),
        ("model=digits,version=2.1.0,device_type=*,region=*", "every device, version 2.1.0"),
        ("model=digits,version=*,device_type=*,region=*,tier=cloud", "tier cloud"),
        ("model=digits,version=*,device_type=*,region=*,segment.line=A3", "line A3"),
        ("model=digits,version=2,device_type=a,region=*,segment.line=A3", "a, line A3, version 2"),
        ("model=digits,version=*,device_type=a%20b,region=*", "a b"),
        ("no key", "no key"),
    ],
)
def test_a_segment_is_written_as_people_say_it(key: str, written: str) -> None:
    assert words.where(key) == written


def test_markdown_in_a_name_stays_text() -> None:
    assert words.plain("[a](http://x) :red[b]\n# c") == (r"\[a\]\(http\://x\) \:red\[b\] \# c")


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("\u202egnihtemos", "⟨U+202E⟩gnihtemos"),
        ("a\u2067b\u2069c", "a⟨U+2067⟩b⟨U+2069⟩c"),
        ("a\u200eb\u200f", "a⟨U+200E⟩b⟨U+200F⟩"),
        ("\x1b[31mred\0", "⟨U+001B⟩[31mred⟨U+0000⟩"),
        ("cam\u200bera\ufeff\u00ad\u2060", "cam⟨U+200B⟩era⟨U+FEFF⟩⟨U+00AD⟩⟨U+2060⟩"),
        ("a\u2028b\r\nc\td", "a⟨U+2028⟩b c d"),
        ("cam\u200dera", "cam⟨U+200D⟩era"),
        ("\u3164", "⟨U+3164⟩"),
    ],
)
def test_what_hides_or_turns_text_around_is_shown(name: str, shown: str) -> None:
    assert words.visible(name) == shown
    assert words.plain(name).replace("\\", "") == shown


@pytest.mark.parametrize("name", ["Zürich 東京", "👩\u200d👩\u200d👧", "می\u200cخواهم", "e\u0301", "❤\ufe0f"])
def test_what_languages_need_stays(name: str) -> None:
    assert words.visible(name) == name


def test_a_name_from_right_to_left_turns_nothing_around_but_itself() -> None:
    assert words.plain("שלום-7") == "\u2068שלום\\-7\u2069"
    assert words.plain("Zürich") == "Zürich"


def test_times_in_a_sentence_of_the_collector_are_written_as_people_write_them() -> None:
    assert words.told("No device 'x' has ever reported; GET /api/v1/devices lists them.") == (
        "No device 'x' has ever reported."
    )
    said = "Expired: it was made at 2024-10-21T19:48:48.768Z; not-a-time 2026-99-21T09:10:51Z stays."
    assert words.told(said) == (
        "Expired: it was made at 21 Oct 2024 19:48:48 UTC; not-a-time 2026-99-21T09:10:51Z stays."
    )


def test_bounds_that_would_look_the_same_are_told_apart() -> None:
    assert words.interval(0.0998, 0.1001, words.share) == "9.98–10.01\u202f%"
    assert words.interval(0.1, 0.1, words.share) == "10.0–10.0\u202f%"
