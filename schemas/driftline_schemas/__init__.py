"""The contracts shared by the SDK, the collector and the dashboard."""
