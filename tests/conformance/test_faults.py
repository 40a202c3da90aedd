"""The suite passes a right server, and finds each fault in a wrong one, and only there."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import pytest

from tests.conformance.probe import Target
from tests.conformance.registry import (
    ALL_SIGNALS,
    GRPC,
    HTTP,
    JSON,
    ONE_SIGNAL,
    PROTOBUF,
    TRANSPORTS,
    SignalName,
    Transport,
)
from tests.conformance.run import Result, run
from tests.conformance.stub_grpc import serve_grpc
from tests.conformance.stub_http import serve_http
from tests.conformance.stub_otlp import Fault, Stub

KIB = 1024
MIB = 1024 * KIB

STATUS = {
    "describes bad data by a status message",
    "describes an oversized request by a status message",
    "describes broken gzip by a status message",
    "describes overload by a status message",
}
BAD_DATA = {
    "refuses a truncated request",
    "refuses noise",
    "refuses the other encoding",
    "refuses text that is not utf 8",
}
SIZES = {
    "refuses a request that is too large",
    "refuses a request that is too large after decompression",
    "says that a request is too large and not to be sent again",
    "keeps a limit that the operator sets",
}

# Fault → the transports that it shows on → the checks that fail there, and no others.
FOUND: Mapping[Fault, Mapping[tuple[Transport, ...], set[str]]] = {
    Fault.ALWAYS_PARTIAL: {
        TRANSPORTS: {"leaves partial success unset on full success", "warns with a message and no count"}
    },
    Fault.ANSWERS_PROTOBUF_ERRORS_IN_JSON: {
        PROTOBUF: {"answers in the content type of the request", *STATUS}
    },
    Fault.BASE64_IDS: {JSON: {"does not take base64 ids"}},
    Fault.BOMBS: {
        HTTP: {
            "refuses a request that is too large after decompression",
            "says that a request is too large and not to be sent again",
            "describes an oversized request by a status message",
        }
    },
    Fault.CLOSES_UNANNOUNCED: {
        HTTP: {"takes many requests on one connection", "keeps the connection in step after an error"}
    },
    Fault.DELAY_TOO_LONG: {GRPC: {"says by retry info when to come again"}},
    Fault.DETAILS_DISAGREE: {GRPC: {"sends status details that agree with the status"}},
    Fault.EMPTY_BODIES_OF_ERRORS: {
        HTTP: {
            "says in the status what is wrong",
            "describes bad data by a bad request",
            *STATUS,
        }
    },
    Fault.FIRST_GZIP_MEMBER_ONLY: {HTTP: {"takes gzip of several members"}},
    Fault.HTML_ERRORS: {
        HTTP: {
            "answers in the content type of the request",
            "says in the status what is wrong",
            "describes bad data by a bad request",
            *STATUS,
        }
    },
    Fault.INTERNAL_ON_BAD_DATA: {
        GRPC: {"survives deep nesting", "sends status details that agree with the status", *BAD_DATA}
    },
    Fault.INTERNAL_ON_OVERLOAD: {TRANSPORTS: {"says that it has too much to do"}},
    Fault.NO_BAD_REQUEST: {HTTP: {"describes bad data by a bad request"}},
    Fault.NO_CHUNKS: {
        PROTOBUF: {"reads all chunks of a body", "refuses a request without a length that is too large"},
        JSON: {"takes a body in chunks without a length"},
    },
    Fault.NO_CORS_ON_ERRORS: {HTTP: {"lets web pages in by cors"}},
    Fault.NO_GZIP: {
        HTTP: {
            "takes requests in gzip",
            "takes gzip of several members",
            "takes a body in chunks without a length",
            "a content encoding is read without regard to case",
            "says that a request is too large and not to be sent again",
        }
    },
    Fault.NO_JSON: {JSON: {"takes both encodings on one port"}},
    Fault.NO_LIMIT: {
        HTTP: {
            "refuses a request without a length that is too large",
            "describes an oversized request by a status message",
            *SIZES,
        },
        GRPC: SIZES,
    },
    Fault.NO_MESSAGE: {
        HTTP: {"says in the status what is wrong"},
        GRPC: {"sends status details that agree with the status"},
    },
    Fault.NULL_REFUSED: {JSON: {"takes null for an absent field", "ignores unknown fields"}},
    Fault.ORIGINAL_NAMES: {
        JSON: {"does not take base64 ids", "takes original field names for unknown fields"}
    },
    Fault.OVERSIZE_IS_BAD_DATA: {HTTP: {"says that a request is too large and not to be sent again"}},
    Fault.REFUSES_EMPTY: {
        TRANSPORTS: {
            "takes an empty request",
            "keeps a limit that the operator sets",  # the large requests are empty but for padding
        }
    },
    Fault.REFUSES_RICH: {TRANSPORTS: {"takes every kind of value that the protocol has"}},
    Fault.RETRY_AFTER_NONSENSE: {HTTP: {"says by retry after when to come again"}},
    Fault.RETRY_INFO_ON_OVERSIZE: {GRPC: {"says that a request is too large and not to be sent again"}},
    Fault.UNKNOWN_REFUSED: {
        JSON: {"ignores unknown fields", "takes original field names for unknown fields"}
    },
}
# Faults of one signal, found as above.
FOUND_IN_SIGNAL: Mapping[Fault, tuple[SignalName, set[str]]] = {
    Fault.NEEDS_KIND: ("traces", {"takes spans without kind and status"}),
    Fault.NEEDS_ORIGIN: ("logs", {"takes records of unknown origin"}),
    Fault.NEEDS_STARTS: ("metrics", {"takes data points without a start"}),
    Fault.NEEDS_TIMES: ("logs", {"takes log records without a time"}),
    Fault.REFUSES_METADATA: ("metrics", {"takes metadata of metrics"}),
    Fault.REFUSES_SHORT_IDS_OF_LOGS: ("logs", {"takes log records with invalid trace ids"}),
    Fault.REJECTS_SILENTLY: ("metrics", {"says why it rejected"}),
    Fault.REJECTS_WITHOUT_COUNT: ("metrics", {"counts what it rejected"}),
}
# Faults that upset much else too: these checks are among those that fail.
AMONG: Mapping[Fault, set[str]] = {
    Fault.CLOSES_ON_BAD_DATA: {"answers failure with an error status", "refuses noise"},
    Fault.NUMBERS_ONLY: {"takes 64 bit integers as strings and as numbers"},
    Fault.TAKES_NOISE: {
        "refuses noise",
        "answers failure with an error status",
        "reads all chunks of a body",
    },
    Fault.TEXT_RESPONSES: {"answers success with the response message"},
}
ALONE = {
    Fault.ECHOES_BAD_DATA: "does not repeat a large bad request in its answer",
    Fault.ONE_AT_A_TIME: "is not held up by a slow connection",
}


@contextmanager
def a_server(*faults: Fault, limit: int = 256 * KIB, timeout: float = 20.0) -> Iterator[Target]:
    stub = Stub(limit=limit, faults=frozenset(faults))
    overloaded = Stub(limit=limit, faults=frozenset(faults), overloaded=True)
    with (
        serve_http(stub) as http,
        serve_grpc(stub) as grpc,
        serve_http(overloaded) as overloaded_http,
        serve_grpc(overloaded) as overloaded_grpc,
    ):
        yield Target(
            http=http,
            grpc=grpc,
            limit=limit,
            timeout=timeout,
            origin=stub.origin,
            overloaded=overloaded_http,
            overloaded_grpc=overloaded_grpc,
        )


def failures(results: Iterator[Result]) -> dict[Transport, set[str]]:
    """Transport → titles of the checks that failed on it."""
    found: dict[Transport, set[str]] = {}
    for result in results:
        if result.outcome == "fail":
            found.setdefault(result.transport, set()).add(result.clause.title)
    return found


def test_a_right_server_fails_nothing_and_shows_all_but_what_nobody_can_show() -> None:
    with a_server() as target:
        results = list(run(target))
    assert [result for result in results if result.outcome == "fail"] == []
    tested = {result.clause.title for result in results if result.outcome == "pass"}
    assert {result.clause.title for result in results} - tested == {
        "handles a response that would be too large",
        "gets on without optional capabilities",
        "listens on the default port",
        "takes requests of up to 64 MiB",  # it was told another limit, and a low one
        "does not repeat a large bad request in its answer",
        "gzips responses only on request",  # the rest are MAYs that the stub does without
        "refuses enum names",
        "serves profiles",
        "speaks http 2 without negotiation",
        "takes grpc on the port of http",
        "warns with a message and no count",
    }
    assert {(result.transport, result.signal) for result in results} == {
        (transport, signal) for transport in TRANSPORTS for signal in ALL_SIGNALS
    }


@pytest.mark.parametrize("fault", FOUND, ids=lambda fault: fault.name)
def test_a_fault_is_found_where_it_is_and_nowhere_else(fault: Fault) -> None:
    expected = {t: titles for transports, titles in FOUND[fault].items() for t in transports}
    with a_server(fault) as target:
        assert failures(run(target, transports=tuple(expected), signals=ONE_SIGNAL)) == expected


@pytest.mark.parametrize("fault", FOUND_IN_SIGNAL, ids=lambda fault: fault.name)
def test_a_fault_of_one_signal_is_found_in_it(fault: Fault) -> None:
    signal, titles = FOUND_IN_SIGNAL[fault]
    with a_server(fault) as target:
        assert failures(run(target, signals=(signal,))) == dict.fromkeys(TRANSPORTS, titles)


@pytest.mark.parametrize("fault", AMONG, ids=lambda fault: fault.name)
def test_a_fault_that_upsets_much_is_found_for_what_it_is(fault: Fault) -> None:
    with a_server(fault) as target:
        found = failures(run(target, transports=JSON, signals=ONE_SIGNAL))
    assert AMONG[fault] <= found["http/json"]


@pytest.mark.parametrize("fault", ALONE, ids=lambda fault: fault.name)
def test_a_fault_that_is_slow_to_show_is_found(fault: Fault) -> None:
    with a_server(fault, limit=6 * MIB, timeout=1.0) as target:
        results = run(
            target,
            signals=ONE_SIGNAL,
            wanted=lambda clause: clause.title == ALONE[fault],
            transports=PROTOBUF,
        )
        assert {result.outcome for result in results} == {"fail"}


def test_a_signal_that_is_not_served_fails_where_it_is_asked_for_and_is_skipped_elsewhere() -> None:
    with a_server(Fault.NO_LOGS) as target:
        results = list(run(target, signals=("logs",)))
    by_title = {result.clause.title: result.outcome for result in results}
    assert by_title["serves the default path by post"] == "fail"
    assert by_title["serves export by its full name"] == "fail"
    assert by_title["takes an empty request"] == "skip"
    assert "pass" not in by_title.values()


def test_every_fault_has_a_test() -> None:
    assert {*FOUND, *FOUND_IN_SIGNAL, *AMONG, *ALONE, Fault.NO_LOGS} == set(Fault)
