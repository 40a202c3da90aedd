"""The clauses, a module for each subject. Importing this package registers them all."""

from tests.conformance.clauses import (
    compression,
    data_model,
    failures,
    grpc_calls,
    http_connection,
    http_request,
    interoperability,
    json_encoding,
    partial_success,
    sizes,
    success,
    throttling,
)

__all__ = [
    "compression",
    "data_model",
    "failures",
    "grpc_calls",
    "http_connection",
    "http_request",
    "interoperability",
    "json_encoding",
    "partial_success",
    "sizes",
    "success",
    "throttling",
]
