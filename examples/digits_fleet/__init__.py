"""The main job: a fleet of digit-reading devices, watched end to end. Run ``python -m examples.digits_fleet``."""
