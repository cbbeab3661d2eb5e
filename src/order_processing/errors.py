"""The faults this package reports; every room's exceptions derive from one class."""


class OrderProcessingError(Exception):
    """Something outside our control went wrong; the message says what, to which thing, and what to do next."""


class RefusedError(OrderProcessingError):
    """The rules of the shop say no; asking again the same way gives the same answer."""


class TransientError(OrderProcessingError):
    """It did not work now and may work later; the same call again is safe."""
