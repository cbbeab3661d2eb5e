"""Opens a file when imported, which forked processes would share."""

import os
from pathlib import Path

FILE = Path(__file__).open()  # noqa: SIM115 - the point
LOADED_BY = os.getpid()


def handler(event, context):
    return {"pid": os.getpid(), "loaded_by": LOADED_BY}
