"""Runs a command that ends when the node ends, however the node ends: ``python -m expeditor.node.guard COMMAND...``."""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Asks the kernel for SIGKILL on the parent's death, then becomes the command.

    The parent's pid comes as ``EXPEDITOR_PARENT``: a parent that died before the request was made would go unnoticed.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != int(os.environ.pop("EXPEDITOR_PARENT")):
        sys.exit("the node ended before this service began")
    os.execvp(sys.argv[1], sys.argv[1:])  # noqa: S606 - the template's own command


if __name__ == "__main__":
    main()
