"""The operations console and the operator's JSON interface."""

from expeditor.console.app import create_console
from expeditor.console.rooms import Rooms

__all__ = ["Rooms", "create_console"]
