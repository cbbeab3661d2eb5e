"""Numbered SQL files, forward only; each sets user_version to its own number."""
