"""The command ``expeditor``: one module per noun, imported only when it is called."""

from expeditor.cli.output import machine_user
from expeditor.cli.root import main

__all__ = ["machine_user", "main"]
