"""The OpenAPI document is kept: whatever fits it is answered as it says, whatever does not is refused."""

from collections.abc import Iterator
from typing import Any, cast

import pytest
import schemathesis
from driftline_collector.api.app import create_api
from driftline_collector.api.parts import Parts
from hypothesis import HealthCheck, given, settings
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import positive_data_acceptance

from tests.api.seeded import Seeded, seeded
from tests.seeding import SMALL


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seeded]:
    with seeded(tmp_path_factory.mktemp("described") / "api.duckdb", SMALL) as running:
        yield running


# The document does not need a store.
schema = schemathesis.openapi.from_dict(create_api(Parts(store=cast("Any", None), now=lambda: 0)).openapi())
# Each way in which a request does not fit; there are too many in which one just fits, so those are drawn.
schema.config.phases.coverage.generation.modes = [GenerationMode.NEGATIVE]
schema.config.phases.coverage.unexpected_methods = set()  # they have a test of their own, with paths that fit
QUIET = settings(suppress_health_check=list(HealthCheck))


@schema.parametrize()
@settings(QUIET, max_examples=8)
def test_the_api_keeps_to_its_description(case: schemathesis.Case[Any], running: Seeded) -> None:
    case.call_and_validate(app=running.api, excluded_checks=[positive_data_acceptance])


def test_a_method_that_is_not_described_is_refused(running: Seeded) -> None:
    for template, described in running.api.openapi()["paths"].items():
        path = f"http://driftline.example{template.replace('{', '').replace('}', '')}"
        # GET is always for something where a device's name may hold a slash.
        for method in {"put", "post", "delete", "patch"} - described.keys():
            answer = running.http.request(method.upper(), path)
            assert answer.status_code == 405, (method, path)
            assert answer.headers["allow"] == ", ".join(sorted(described)).upper()


@pytest.mark.soak
def test_the_api_keeps_to_its_description_in_thousands_of_requests(running: Seeded) -> None:
    for found in schema.get_all_operations():
        operation = found.ok()  # type: ignore[union-attr]  # a schema of which any is wrong fails above

        @settings(QUIET, max_examples=200)
        @given(case=operation.as_strategy())
        def keeps(case: schemathesis.Case[Any]) -> None:
            case.call_and_validate(app=running.api, excluded_checks=[positive_data_acceptance])

        keeps()
