"""The command ``expeditor``: joins the command line with the console that a node shows."""

import os
from typing import Any

from expeditor.cli import machine_user
from expeditor.cli import main as run_command_line


def main() -> None:
    """Runs the command line."""
    run_command_line(_console)


def _console(*rooms: Any) -> Any:
    # Only `up` shows a console, and every other command should start without its imports.
    from expeditor.console import Rooms, create_console
    from expeditor.ids import SystemIds

    actor = os.environ.get("EXPEDITOR_ACTOR") or machine_user()
    return create_console(Rooms(*rooms), SystemIds(), actor)


if __name__ == "__main__":
    main()
