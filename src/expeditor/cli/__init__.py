"""The command ``expeditor``: one module per noun, imported only when it is called."""

from expeditor.cli.root import main

__all__ = ["main"]
