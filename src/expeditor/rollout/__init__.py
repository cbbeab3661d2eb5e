"""Room rollout."""
