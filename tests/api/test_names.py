"""Names that hurt come back as they are, and find what they name: data, never SQL or markup."""

import io

import pyarrow as pa
from driftline_schemas.segments import Segment
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.api.seeded import Seeded
from tests.seeding import HOSTILE


def test_every_name_comes_back_as_it_is(nasty: Seeded) -> None:
    fleet = nasty.fleet
    (model,) = nasty.client.models()
    assert model.model == fleet.model_name
    assert set(model.device_types) == set(fleet.type_names)
    assert set(model.regions) == set(fleet.region_names)
    assert {version.version for version in model.versions} == set(fleet.version_names)
    assert {device.device for device in nasty.client.devices()} == {m.name for m in fleet.members}
    firmwares = {device.firmware for device in nasty.client.devices()}
    assert firmwares == {member.firmware for member in fleet.members}
    assert set(nasty.client.heatmap(model=fleet.model_name).features) >= set(fleet.feature_names)


def test_names_find_what_they_name(nasty: Seeded) -> None:
    fleet = nasty.fleet
    for member in fleet.members:
        detail = nasty.client.device(member.name)
        assert (detail.device.device, detail.device.version) == (member.name, member.version)
        assert nasty.client.device_series(member.name).device == member.name
        found = nasty.client.samples(device=member.name, limit=3)
        assert {sample.device for sample in found} <= {member.name}
    for kind in fleet.type_names:
        found_devices = nasty.client.devices(model=fleet.model_name, device_type=kind)
        assert {d.device for d in found_devices} == {m.name for m in fleet.members if m.device_type == kind}
    for feature in fleet.feature_names:
        assert nasty.client.samples(feature=feature, limit=1)[0].feature_value is not None


def test_hostile_segments_are_judged_drawn_and_told_like_any_other(nasty: Seeded) -> None:
    fleet = nasty.fleet
    segment = fleet.segment(device_type=str(fleet.moved_type))
    (alert,) = (a for a in nasty.client.alerts() if a.rule == "drift" and a.state == "firing")
    assert Segment.parse(alert.segment)["device_type"] == fleet.moved_type
    assert nasty.client.alert(alert.id).alert.segment == segment
    feature = fleet.feature_names[0]
    assert nasty.client.series(segment, "drift", feature=feature).points[-1].verdict == "drifted"
    assert nasty.client.distribution(segment, feature).sentence.startswith(f"{feature} moved down")
    assert nasty.client.performance(segment).accuracy
    prediction = nasty.client.samples(segment=segment, limit=1)[0]
    detail = nasty.client.prediction(prediction.id)
    assert detail.sample == nasty.client.prediction(prediction.id).sample
    assert [feature.name for feature in detail.features] == list(fleet.feature_names)


def test_names_survive_arrow(nasty: Seeded) -> None:
    table = pa.ipc.open_stream(io.BytesIO(nasty.client.arrow("/devices"))).read_all()
    assert set(table["device"].to_pylist()) == {member.name for member in nasty.fleet.members}


def test_nothing_was_dropped_or_made(nasty: Seeded) -> None:
    tables = nasty.store._read("SELECT table_name FROM duckdb_tables() ORDER BY table_name")
    assert "predictions" in tables["table_name"].to_pylist()
    assert nasty.store.totals()["predictions"] == nasty.fleet.samples


SANE = {
    "segment": "model=digits,version=*,device_type=*,region=*",
    "measure": "drift",
    "feature": "sharpness",
}
BORDER = (
    *("", "0", "-1", "9" * 25, "1e309", "nan", "inf", "6h", "999999999999d", "0001-01-01"),
    *("9999-12-31T23:59:59Z", "2026-11-21T09:41:20Z", "model=digits", "model=%00", "model=%ff", "model=*"),
    *("model=digits,version=*,device_type=*,region=*", "drift", "predictions", "-device", "__score__"),
    *("\x00", "\x7f", "\ud7ff", "a" * 600, "é" * 400, "%", "?&#/", "."),
)
values = st.one_of(st.sampled_from(HOSTILE), st.sampled_from(BORDER), st.text(max_size=20))


@settings(max_examples=300)
@given(draw=st.data())
def test_whatever_is_asked_is_answered_or_refused_with_what_to_do(nasty: Seeded, draw: st.DataObject) -> None:
    paths = {path: item["get"] for path, item in nasty.api.openapi()["paths"].items() if "get" in item}
    path = draw.draw(st.sampled_from(sorted(paths)))
    known = [p["name"] for p in paths[path].get("parameters", ()) if p["in"] == "query"]
    chosen = draw.draw(st.lists(st.sampled_from([*known, "stranger"]), max_size=3, unique=True))
    hurting = {name: draw.draw(values) for name in chosen}
    parameters = {name: SANE[name] for name in known if name in SANE} | hurting
    names = {name: quoted(draw.draw(values)) for name in ("device", "alert_id", "prediction", "name")}
    answer = nasty.http.get(f"http://driftline.example{path.format(**names)}", params=parameters)
    if path == "/api/v1/backup":  # for who is on the machine, which this test's client does not say
        assert answer.status_code in {403, 422}
        return
    assert answer.status_code in {200, 404, 405, 422}, answer.text
    if answer.status_code != 200:
        assert answer.headers["content-type"] == "application/problem+json"
        problem = answer.json()
        assert problem["status"] == answer.status_code
        assert problem["detail"]
        assert "duckdb" not in answer.text.lower()


def quoted(name: str) -> str:
    """As one part of a path."""
    return "".join(f"%{byte:02X}" for byte in name.encode("utf-8", "surrogatepass"))
