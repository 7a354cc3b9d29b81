"""Research: many runs at once, and what their best is worth."""
