"""What senders of earlier releases, and OpenTelemetry's own, put on the wire is taken in as it was then."""

import gzip
import json
from pathlib import Path

import pytest

from tests.fixtures import wire
from tests.fixtures.rows import contents, only
from tests.receiver.serving import serving

RECORDINGS = sorted((Path(__file__).parent.parent / "fixtures" / "requests").glob("*.http"))


@pytest.mark.parametrize("recording", RECORDINGS, ids=lambda path: path.stem)
def test_it_is_read_back_as_the_release_of_then_had_it(recording: Path, tmp_path: Path) -> None:
    before = json.loads(gzip.decompress(recording.with_suffix(".json.gz").read_bytes()))["rows"]
    requests = wire.split(recording.read_bytes())
    with serving(tmp_path) as served:
        assert wire.send(served.url, requests) == [200] * len(requests)
        served.store.settle()
        with served.store._database.cursor() as cursor:
            for table, rows in before.items():
                if rows and table != "stream_intervals":  # how repeats are known
                    fields = [field for field in rows[0] if field != "received_ns"]
                    assert contents(cursor, table, columns=fields) == only(rows, fields), table


def test_there_are_recordings_of_each_kind() -> None:
    """Of our SDK and others', as protobuf and as JSON, packed and not."""
    heads = {path.stem: path.read_bytes().lower() for path in RECORDINGS}
    ours = [name for name in heads if name.startswith("driftline-")]
    assert len(ours) >= 3
    assert heads.keys() >= {"opentelemetry-python", "opentelemetry-javascript"}
    for signal in (b"logs", b"metrics", b"traces"):
        for name, data in heads.items():
            assert b"post /v1/" + signal in data, name
    together = b"".join(heads.values())
    for kind in (b"application/json", b"application/x-protobuf", b"content-encoding: gzip"):
        assert kind in together
