"""Lambda handlers: each takes an event apart, calls one operation, and says what became of the order."""
