"""The API under `/api/v1`, health and Prometheus metrics. Errors are RFC 9457 problems."""
