"""Other releases of the application, for tests: its package copied, and something in it changed."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import order_processing

PACKAGE = Path(order_processing.__file__).parent
DEFINITION = "order-processing.asl.json"

MORE_BLOCKED = ("domain/fraud.py", '("fraud-",)', '("fraud-", "bulk-")')
"""A new fraud rule: bulk buyers are on the block list."""

FAILING_AUTHORIZATION = '''

class PaymentDeclinedError(Exception):
    """What a wrong response code of the provider is taken for."""


_authorized = handler


def handler(event, context):
    if int(event["order_id"][:8], 16) % 5 == 0:
        raise PaymentDeclinedError("response code 7")
    return _authorized(event, context)
'''
"""Appended to the function that authorises payments: every fifth order is declined for no reason."""


def application(folder: Path, *edits: tuple[str, str, str], appended: Mapping[str, str] | None = None) -> Path:
    """The template of a copy of the application.

    Args:
        edits: file, text in it, what to put in its place.
        appended: file to what is written at its end.
    """
    copy = folder / "order_processing"
    shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    for name, before, after in edits:
        text = (copy / name).read_text()
        assert before in text, f"{name} has no {before}"
        (copy / name).write_text(text.replace(before, after))
    for name, more in (appended or {}).items():
        with (copy / name).open("a") as file:
            file.write(more)
    return copy / "template.yaml"


def waiting(template: Path, seconds: int, comment: str) -> Path:
    """The template with a state machine that waits before it does anything."""
    path = template.parent / DEFINITION
    definition: dict[str, Any] = json.loads(path.read_text())
    definition["States"]["Linger"] = {
        "Type": "Wait",
        "Comment": comment,
        "Seconds": seconds,
        "Next": definition["StartAt"],
    }
    definition["StartAt"] = "Linger"
    path.write_text(json.dumps(definition, indent=2))
    return template
