"""The operations console and the operator's JSON interface."""

from expeditor.console.app import create_console

__all__ = ["create_console"]
