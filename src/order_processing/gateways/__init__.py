"""Room gateways."""
