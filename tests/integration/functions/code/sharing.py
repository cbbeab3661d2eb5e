"""Handlers for the tests of processes that several invocations share: they wait by giving way."""

import logging
import os
import sys
import threading
from pathlib import Path

from greenlet import GreenletExit, getcurrent

PRESENT = []


def give_way(descriptor, seconds, writing=False):
    return getcurrent().parent.switch((descriptor, writing, seconds))


def meet(event, context):
    """Waits until as many invocations as the event says are in this process."""
    PRESENT.append(context.aws_request_id)
    while len(PRESENT) < event:
        give_way(-1, 0.001)
    return os.getpid()


def report(event, context):
    print("print of", event)
    give_way(-1, 0.001)
    sys.stderr.write(f"stderr of {event}\n")
    logging.getLogger().error("log of %s", event)
    return os.getpid()


def wait(event, context):
    """Waits for the pipe named in the event, or forever; then notes that it went on."""
    if event is None:
        return os.getpid()
    print("before the wait of process", os.getpid())
    PRESENT.append(os.getpid())
    pipe = os.open(event["pipe"], os.O_RDWR | os.O_NONBLOCK)
    try:
        return give_way(pipe, event.get("seconds", 3600))
    finally:
        os.close(os.open(event["went_on"], os.O_CREAT))


def count(event, context):
    return len(PRESENT)


def ask(event, context):
    """Asks for what cannot be waited for beside one that waits until that was refused."""
    if event == "wait":
        PRESENT.append(event)
        while len(PRESENT) < 2:
            give_way(-1, 0.001)
        return os.getpid()
    while not PRESENT:
        give_way(-1, 0.001)
    asked = {
        "a word": "rubbish",
        "a closed descriptor": (999, False, 60),
        "the descriptor of the process": (3, False, 60),
        "what is no descriptor": ("x", False, 60),
        "what is no number": (-1, False, float("nan")),
        "a file": (os.open(__file__, os.O_RDONLY), False, 60),
    }
    try:
        return getcurrent().parent.switch(asked[event])
    finally:
        PRESENT.append(event)


def wait_long(event, context):
    """Waits for a pipe that can be read, longer than a millennium if need be."""
    reading, writing = os.pipe()
    os.write(writing, b"x")
    return give_way(reading, 1e12)


def leave_greenlet(event, context):
    """The child ends its greenlet and with it nothing else; counts who notes that it went on after a wait."""
    if event["neighbour"]:
        PRESENT.append(None)
        while len(PRESENT) < 2:
            give_way(-1, 0.001)
        with Path(event["notes"]).open("ab") as notes:
            notes.write(b"x")
        return
    while not PRESENT:
        give_way(-1, 0.001)
    child = os.fork()
    PRESENT.append(None)
    if not child:
        raise GreenletExit
    os.waitpid(child, 0)


def compute_or_wait(event, context):
    """Waits for neighbours; "compute" then never gives way again."""
    PRESENT.append(event)
    while len(PRESENT) < 2:
        give_way(-1, 0.001)
    if event == "compute":
        threading.Event().wait()
    if event == "crash":
        os._exit(3)
    if event == "interrupt":
        raise KeyboardInterrupt
    if event == "hoard":
        return bytearray(1 << 40)
    give_way(-1, 3600)
    return None


def write(event, context):
    """Fills a pipe, then waits until there is room."""
    reading, writing = os.pipe2(os.O_NONBLOCK)
    os.write(writing, b"x" * 65_536)
    room = give_way(writing, 0.001, writing=True)
    os.read(reading, 65_536)
    return [room, give_way(writing, 60, writing=True)]


def fork(event, context):
    """Leaves a child behind that gives way until a byte arrives in the pipe; without an event only says who it is."""
    if event is None:
        return os.getpid()
    pipe = os.open(event, os.O_RDWR | os.O_NONBLOCK)
    parent = os.getpid()
    child = os.fork()
    if os.getpid() != parent:
        give_way(pipe, 60)
    return child


def outside(event, context):
    """A thread of the handler's own has nobody to give way to."""
    parents = []
    thread = threading.Thread(target=lambda: parents.append(getcurrent().parent))
    thread.start()
    thread.join()
    return parents


def inheritable(event, context):
    """Descriptors that a program which the handler runs would have."""
    return [each for each in range(3, 256) if _is_inheritable(each)]


def _is_inheritable(descriptor):
    try:
        return os.get_inheritable(descriptor)
    except OSError:
        return False


def deafen(event, context):
    """Closes the socket to the template, beside one that waits."""
    PRESENT.append(event)
    while len(PRESENT) < 2:
        give_way(-1, 0.001)
    if event == "close":
        os.close(3)
    give_way(-1, 3600)
