"""Room functions."""
