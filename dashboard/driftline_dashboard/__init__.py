"""The dashboard: a Streamlit application that reads the collector's API."""
