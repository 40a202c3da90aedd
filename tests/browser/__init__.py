"""The dashboard in a real Chromium, over a real collector with seeded data."""
