"""Room asl."""
