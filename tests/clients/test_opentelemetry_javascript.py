"""OpenTelemetry's JavaScript SDK, over each transport: what it sends is read back equal."""

import json
from pathlib import Path

import pytest

from tests.clients import node
from tests.clients.from_javascript import assert_everything_is_there
from tests.receiver.serving import serving


@pytest.mark.parametrize("compression", ["none", "gzip"])
@pytest.mark.parametrize("transport", ["json", "protobuf", "grpc"])
def test_everything_is_read_back_equal(tmp_path: Path, transport: str, compression: str) -> None:
    with serving(tmp_path) as served:
        told = json.loads(node.run("from_node.mjs", transport, served.url, served.grpc, compression))
        assert_everything_is_there(served, told)
