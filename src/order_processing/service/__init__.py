"""The order service: orders API, storefront, and the relay from the outbox to the topic."""
