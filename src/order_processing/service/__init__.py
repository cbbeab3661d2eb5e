"""Room service."""
