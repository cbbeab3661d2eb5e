"""Cases recorded on AWS, replayed."""
