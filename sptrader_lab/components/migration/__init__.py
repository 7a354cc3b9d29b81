"""Migration: from a class of the older system to a native component that gives the same bits."""
