"""Command line: `python -m tests.conformance --endpoint http://127.0.0.1:4318 --grpc 127.0.0.1:4317`."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from tests.conformance.probe import MARGIN, RECOMMENDED_LIMIT, Target
from tests.conformance.registry import ALL_SIGNALS, CannotRunError, Clause, SignalName
from tests.conformance.report import (
    BEGIN,
    END,
    as_json,
    as_markdown,
    conformant,
    print_table,
    put_between_marks,
)
from tests.conformance.run import Result, run

EXIT_CONFORMANT, EXIT_NOT_CONFORMANT, EXIT_NOT_RUN = 0, 1, 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the suite. 0: no MUST failed; 1: one did; 2: the suite could not run."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.endpoint is None and options.grpc is None:
        parser.error("nothing to test: give --endpoint, --grpc or both")
    if options.limit <= MARGIN:
        parser.error(
            f"--limit {options.limit}: give more than {MARGIN} bytes, so that there is a below and an above"
        )
    try:
        target = _target(options)
        results = list(run(target, wanted=lambda clause: _matches(clause, options.only)))
        _print(options, target, results)
    except CannotRunError as error:
        print(f"conformance: {error}", file=sys.stderr)
        return EXIT_NOT_RUN
    return EXIT_CONFORMANT if conformant(results) else EXIT_NOT_CONFORMANT


def _target(options: argparse.Namespace) -> Target:
    return Target(
        http=options.endpoint,
        grpc=options.grpc,
        limit=options.limit,
        timeout=options.timeout,
        headers=dict(_header(text) for text in options.header),
        origin=options.origin,
        overloaded=options.overloaded,
        overloaded_grpc=options.overloaded_grpc,
        partly_rejected=dict(_request_file(text) for text in options.partly_rejected),
        burst=options.burst,
    )


def _print(options: argparse.Namespace, target: Target, results: Sequence[Result]) -> None:
    if options.json:
        print(json.dumps(as_json(target, results), ensure_ascii=False))
    elif options.markdown:
        put_between_marks(Path(options.markdown), as_markdown(results))
    elif options.markdown is not None:
        print(as_markdown(results))
    else:
        console = Console()
        # into a file or a pipe, where there is no width to fit, lines stay whole
        print_table(console if console.is_terminal else Console(width=120), results)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.conformance",
        description="Holds an OTLP server against the specification: a row for each MUST, SHOULD and MAY.",
        epilog="The suite sends records to the server: point it at one whose store may take them. "
        "Exit status: 0 no MUST failed, 1 one failed, 2 the suite could not run.",
    )
    parser.add_argument("--endpoint", metavar="URL", help="OTLP/HTTP, such as http://127.0.0.1:4318")
    parser.add_argument(
        "--grpc", metavar="HOST:PORT", help="OTLP/gRPC, such as 127.0.0.1:4317; https://… for TLS"
    )
    output = parser.add_mutually_exclusive_group()
    output.add_argument("--json", action="store_true", help="print one JSON object instead of the table")
    output.add_argument(
        "--markdown",
        metavar="FILE",
        nargs="?",
        const="",
        help=f"print the table as Markdown, or put it into FILE between {BEGIN} and {END}",
    )
    parser.add_argument(
        "--only", metavar="TEXT", default="", help="only clauses whose section or check has TEXT"
    )
    parser.add_argument(
        "--timeout", metavar="SECONDS", type=float, default=10.0, help="wait for an answer (10)"
    )
    parser.add_argument(
        "--header",
        metavar="NAME=VALUE",
        action="append",
        default=[],
        help="send with every request (a key, say)",
    )
    parser.add_argument(
        "--limit",
        metavar="BYTES",
        type=int,
        default=RECOMMENDED_LIMIT,
        help="the largest request that the server was told to take (64 MiB)",
    )
    parser.add_argument(
        "--origin", metavar="ORIGIN", help="a web page's origin that the server was told to let in"
    )
    parser.add_argument(
        "--overloaded", metavar="URL", help="OTLP/HTTP of a server of this kind that is easily overloaded"
    )
    parser.add_argument("--overloaded-grpc", metavar="HOST:PORT", help="the same for OTLP/gRPC")
    parser.add_argument(
        "--burst", metavar="N", type=int, default=32, help="concurrent requests to provoke overload"
    )
    parser.add_argument(
        "--partly-rejected",
        metavar="SIGNAL=FILE",
        action="append",
        default=[],
        help="an Export request (protobuf) of which the server takes only a part",
    )
    return parser


def _header(text: str) -> tuple[str, str]:
    name, separator, value = text.partition("=")
    if not separator:
        raise CannotRunError(f"--header {text!r}: write it as NAME=VALUE")
    return name.strip(), value


def _request_file(text: str) -> tuple[SignalName, bytes]:
    name, _, path = text.partition("=")
    for signal in ALL_SIGNALS:
        if signal == name and path:
            try:
                return signal, Path(path).read_bytes()
            except OSError as error:
                raise CannotRunError(f"--partly-rejected {text!r}: {error}") from error
    raise CannotRunError(f"--partly-rejected {text!r}: write it as SIGNAL=FILE, with traces, metrics or logs")


def _matches(clause: Clause, text: str) -> bool:
    return text.lower() in f"{clause.section} {clause.title}".lower()


if __name__ == "__main__":
    sys.exit(main())
