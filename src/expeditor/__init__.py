"""Expeditor: a small, durable, AWS-compatible serverless region on one machine."""
