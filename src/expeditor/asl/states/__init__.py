"""State types, one module per chapter of the specification."""
