"""Room executions."""
