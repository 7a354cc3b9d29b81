"""Schema: the sections of a strategy as frozen, typed models that refuse unknown keys."""
