"""Files that others wrote: recognised, read, judged row by row, and put into the store."""
