"""The main job: a fleet that reads digits, watched end to end. Run ``python -m examples.digits_fleet``."""
