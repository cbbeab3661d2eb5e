"""The zygote: a small preloaded process that forks one template process per function version."""

import gc
import importlib
import os
import socket
import sys
from collections.abc import Iterable

import msgspec

from . import template
from .forking import ForkServer, adopt_orphans, end_with_parent, kill_descendants
from .frames import End, Load

_orders = msgspec.msgpack.Decoder(Load | End)


class _Zygote:
    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._server = ForkServer(control, kills_orphans=True)

    def run(self) -> None:
        self._server.serve(self._received)

    def _received(self, message: bytes, descriptors: list[int]) -> None:
        order = _orders.decode(message)
        if isinstance(order, End):
            self._server.kill(order.child)
            return
        parent = os.getpid()
        control, output = descriptors
        if self._server.fork(order.template):
            template.main(order, template.Inherited(parent, control, output))
        os.close(control)
        os.close(output)


def main(control: int, preload: Iterable[str]) -> None:
    """Runs the zygote on the control socket *control* until the node is gone, then ends all below it."""
    end_with_parent()
    adopt_orphans()
    sys.path[:] = [path for path in sys.path if path]
    for module in preload:
        importlib.import_module(module)
    gc.collect()
    gc.freeze()
    try:
        _Zygote(socket.socket(fileno=control)).run()
    finally:
        kill_descendants()
