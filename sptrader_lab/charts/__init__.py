"""Charts: functions from a result to a Bokeh figure; nothing is shown, written or sent by drawing."""
