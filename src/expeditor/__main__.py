"""The command ``expeditor``: joins the command line with the console that a node shows."""

from typing import Any

from expeditor.cli import main as run_command_line


def main() -> None:
    """Runs the command line."""
    run_command_line(_console)


def _console(*rooms: Any) -> Any:
    # Only `up` shows a console, and every other command should start without its imports.
    from expeditor.console import create_console

    return create_console(*rooms)


if __name__ == "__main__":
    main()
