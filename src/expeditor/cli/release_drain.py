"""``expeditor release drain``: no new orders for a release, and word when nothing runs on it any more."""

from functools import partial

import click

from expeditor.cli.acting import noted_as_done, stuck, who_options
from expeditor.cli.clients import shop_operator
from expeditor.cli.output import CommandError, ExitCode, output_option, say, show
from expeditor.cli.releasing import actor_named, catalogue, refusals_told, traffic
from expeditor.clock import SystemClock
from expeditor.releases import RELEASE
from expeditor.rollout import withdrawn

POLL_SECONDS = 1.0
COUNTED_MAX = 1_000


@click.command()
@click.argument("release")
@click.option("--wait", "wait_seconds", default=0.0, metavar="SECONDS", help="Wait so long for it to be empty.")
@who_options
@output_option
def drain(release: str, wait_seconds: float, reason: str, actor: str | None, output: str) -> None:
    """Give a release no new orders, and tell when it is empty: no execution runs, no order waits on it.

    Its weight becomes 0 in every rule; orders under way finish on it. What hangs is handed over with `expeditor order
    hand-over --release`. Exit code 6: not empty in time.

    \b
    Example:
      expeditor release drain v1.1.0 --wait 300 --reason "superseded by v1.2.0"
    """
    with refusals_told():
        name = catalogue().named(release)
        drained = partial(withdrawn, key=RELEASE, variant=str(name))
        traffic().change(drained, actor_named(actor, reason), f"drain {name}")
    noted_as_done("drain", f"release/{name}", reason, actor)
    left = _left(release, str(name))
    waited = 0.0
    while sum(left.values()) and waited < wait_seconds:
        SystemClock().sleep(POLL_SECONDS)
        waited += POLL_SECONDS
        left = _left(release, str(name))
    show({"release": str(name), **left, "empty": not sum(left.values())}, output)
    if sum(left.values()):
        message = f"{name} is not empty yet; wait, or `expeditor order hand-over --release {name} --to legacy`"
        raise CommandError(message, ExitCode.WAIT_TIMED_OUT)
    say(f"{name} is empty")


def _left(release: str, name: str) -> dict[str, int]:
    """Executions that run, and orders of the instant pipeline that are not settled, on the release."""
    with refusals_told():
        found = catalogue()
        running = found.running(found.named(release))
    waiting = stuck(shop_operator(), {"release": name, "pipeline": "instant", "limit": COUNTED_MAX})["orders"]
    return {"running_executions": running, "waiting_orders": len(waiting)}
