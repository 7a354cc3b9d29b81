"""Results: what a run left, as tables, series and numbers; saved, found again and queried."""
