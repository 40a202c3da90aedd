"""The application: its pages, and what draws each."""

import pandas as pd  # noqa: F401  # whole, before threads that draw cards look for it half loaded
import streamlit as st

from driftline_dashboard import routes, shell
from driftline_dashboard.pages import alert, device, devices, drift, now, prediction, quality, system

#: What draws each page; its name, path and place in the menu are in `routes`.
PAGES = {
    "now": now.draw,
    "alert": alert.draw,
    "drift": drift.draw,
    "quality": quality.draw,
    "devices": devices.draw,
    "device": device.draw,
    "prediction": prediction.draw,
    "system": system.draw,
}


def run() -> None:
    """Draw the page that the URL names."""
    shell.dress()
    pages = routes.register(PAGES)
    st.navigation(list(pages.values()), position="hidden").run()
