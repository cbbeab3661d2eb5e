"""Handlers for the tests of worker processes: what a function may do, and what it should not."""

import ctypes
import logging
import os
import subprocess
import sys
import threading
from decimal import Decimal
from pathlib import Path

LOADED_BY = os.getpid()
CALLS = []


class NoGoodError(Exception):
    pass


def echo(event, context):
    return event


def describe(event, context):
    return {
        "request_id": context.aws_request_id,
        "name": context.function_name,
        "version": context.function_version,
        "arn": context.invoked_function_arn,
        "memory": context.memory_limit_in_mb,
        "log_group": context.log_group_name,
        "log_stream": context.log_stream_name,
        "remaining_ms": context.get_remaining_time_in_millis(),
        "custom": context.client_context.custom if context.client_context else None,
        "cognito": context.identity.cognito_identity_id,
    }


def environment(event, context):
    return dict(os.environ)


def descriptors(event, context):
    numbers = [path.name for path in Path("/proc/self/fd").iterdir()]
    links = [Path("/proc/self/fd") / number for number in numbers]
    return {link.name: str(link.readlink()) for link in links if link.is_symlink()}


def place(event, context):
    return {"path": sys.path[0], "folder": str(Path.cwd()), "modules": sorted(sys.modules)}


def process(event, context):
    CALLS.append(event)
    return {"pid": os.getpid(), "loaded_by": LOADED_BY, "parent": os.getppid(), "calls": len(CALLS)}


def variable(event, context):
    return os.environ.get("COLOUR")


def raise_error(event, context):
    print("about to fail")
    raise NoGoodError("the card was declined")


def hang(event, context):
    print("before the hang")
    threading.Event().wait()


def overrun(event, context):
    threading.Event().wait(event)
    return {"pid": os.getpid(), "parent": os.getppid()}


def exit_at_once(event, context):
    print("last words")
    os._exit(event)


def exit_politely(event, context):
    sys.exit(event)


def segfault(event, context):
    ctypes.string_at(0)


def kill_itself(event, context):
    os.kill(os.getpid(), event)


def eat_memory(event, context):
    return len([bytearray(1024 * 1024) for _ in range(event)])


def recurse(event, context):
    return recurse(event, context)


def return_set(event, context):
    return {1, 2}


def return_nan(event, context):
    return float("nan")


def return_surrogate(event, context):
    return "\ud800"


def raise_surrogate(event, context):
    raise ValueError("\ud800")


def return_decimal(event, context):
    return Decimal("1.5")


def return_much(event, context):
    return "x" * event


def return_often(event, context):
    return ["x" * 1000] * event


def talk(event, context):
    print("printed", "ö")
    sys.stderr.write("to stderr\n")
    sys.stdout.write("no newline")
    logging.getLogger().warning("logged %s", 1)
    logging.getLogger().info("too quiet to be seen")
    subprocess.run(["/bin/echo", "from a subprocess"], check=True)


def talk_much(event, context):
    for number in range(event):
        print(number, "y" * 1000)
    return "done"


def leave_child(event, context):
    child = subprocess.Popen(["/bin/sleep", "1000"])
    if event == "crash":
        os._exit(3)
    return child.pid


def leave_daemon(event, context):
    child = subprocess.Popen(["/bin/sleep", "1000"], start_new_session=True)
    return {"daemon": child.pid, "template": os.getppid()}


def write_frames(event, context):
    os.write(3, b"\xff" * 64)
    threading.Event().wait()


def text_bytes(event, context):
    return b'{"already": "JSON"}'


def print_much(event, context):
    print("x" * event)
    return event


def talk_in_threads(event, context):
    faults = []

    def talk(stream):
        try:
            for _ in range(event):
                stream.write("y" * 50_000 + "\n")
        except OSError as error:
            faults.append(str(error))

    threads = [threading.Thread(target=talk, args=(stream,)) for stream in (sys.stdout, sys.stderr) * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return faults


def close_standard_output():
    sys.stdout.close()


def unset_standard_output():
    sys.stdout = None


def close_descriptor():
    os.close(1)


LOSING = {"stream": close_standard_output, "name": unset_standard_output, "descriptor": close_descriptor}


def lose_output(event, context):
    if not CALLS:
        CALLS.append(event)
        sys.stdout.write("before\n")
        sys.stdout.write("unfinished line")
        LOSING[event["lose"]]()
    if event.get("fail"):
        raise NoGoodError("the card was declined")
    return "done"


def fork(event, context):
    """Opens a gate for a child of the call before, and returns only when that child has returned as well."""
    if "open" in event:
        Path(event["open"]).write_text("go")
        os.wait()
        return "next"
    if os.fork():
        return "parent"
    Path(event["child_waits_at"]).read_text()
    return "child"


def talk_in_children(event, context):
    children = []
    for _ in range(4):
        child = os.fork()
        if not child:
            for _ in range(event):
                print("z" * 100_000)
            os._exit(0)
        children.append(child)
    return [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
