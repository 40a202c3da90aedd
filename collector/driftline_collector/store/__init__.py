"""Where everything is kept: the `Store` protocol, and DuckDB behind it."""
