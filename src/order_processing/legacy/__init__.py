"""The legacy pipeline: three scheduled jobs that work through orders in batches, and the net under the instant one."""
