"""What Streamlit runs. It stands in a folder of its own on purpose.

Streamlit takes a folder `pages` beside the script that it runs for its own kind of pages, and would run those
modules as scripts until the first session has declared the real ones.
"""
