"""A conformance suite for OTLP servers: `python -m tests.conformance --help`."""
