"""Run by Streamlit for each session and each rerun."""

from driftline_dashboard import app

app.run()
