"""Legacy: components written for the older system, classes and lists of events, as they are."""
