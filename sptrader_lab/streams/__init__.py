"""Streams: what goes through Redis between components, sessions and whoever watches them."""
