"""Room stores."""
