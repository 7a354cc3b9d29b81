"""Workspace: everything in a folder tried out before anyone relies on it."""
