"""Widgets: what a notebook shows; state lives in plain objects, and views mirror it."""
