"""The collector: receives OTLP, stores it, finds drift and alerts."""
