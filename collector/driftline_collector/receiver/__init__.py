"""OTLP in: transports, decoding, admission. Outbound is a notifier."""
