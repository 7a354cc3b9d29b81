"""Kernel: the compiled functions that decide, match and account, and the loop that calls them."""
