"""A window of a segment as one file to keep and to send: what `driftline report` writes."""
