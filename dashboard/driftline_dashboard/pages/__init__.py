"""A module for each page: `draw()` draws it."""
