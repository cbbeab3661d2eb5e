"""Numbered, forward-only migrations of ``orders.db``; each file is one transaction."""
