"""Room releases."""
