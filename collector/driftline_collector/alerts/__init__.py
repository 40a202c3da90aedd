"""Alerts: evaluations that were stored become states of alerts, and those become notifications."""
