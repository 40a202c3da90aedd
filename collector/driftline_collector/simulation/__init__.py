"""A fleet of devices that are not there: real OTLP over HTTP, with all that happens to real ones."""
