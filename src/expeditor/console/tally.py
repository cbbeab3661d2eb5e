"""How the executions of a release fare, counted from the newest ones; what was counted is good for two seconds."""

from collections import Counter
from dataclasses import dataclass

from expeditor.asl import ExecutionStatus
from expeditor.clock import Clock
from expeditor.executions import Engine, ExecutionFilter

PERIOD_SECONDS = 3_600.0
COUNTED_MAX = 1_000
KEPT_SECONDS = 2.0
_BAD = (ExecutionStatus.FAILED, ExecutionStatus.TIMED_OUT, ExecutionStatus.ABORTED)


@dataclass(frozen=True, slots=True)
class Recent:
    """Executions of one state machine.

    Attributes:
        running: whenever they began.
        succeeded, failed: of those that began within the last hour, the newest 1,000 at most.
        is_cut: there are more than were counted.
    """

    running: int
    succeeded: int
    failed: int
    is_cut: bool


class Tally:
    """Counts for pages that are shown again and again."""

    def __init__(self, engine: Engine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock
        self._kept: dict[str, tuple[float, Recent]] = {}

    def recent(self, machine_arn: str) -> Recent:
        """Counts of a state machine's executions."""
        now = self._clock.monotonic()
        kept = self._kept.get(machine_arn)
        if kept is None or now - kept[0] >= KEPT_SECONDS:
            kept = self._kept[machine_arn] = (now, self._counted(machine_arn))
        return kept[1]

    def _counted(self, machine_arn: str) -> Recent:
        """Two lists; one alone for a machine without an execution within the hour."""
        earliest = self._clock.now() - PERIOD_SECONDS
        running = self._engine.list_executions(ExecutionFilter(machine_arn, ExecutionStatus.RUNNING, None, COUNTED_MAX))
        newest = self._engine.list_executions(ExecutionFilter(machine_arn, limit=1)).executions
        found: Counter[ExecutionStatus] = Counter()
        is_cut = running.next_page is not None
        if newest and newest[0].started_at >= earliest:
            page = self._engine.list_executions(ExecutionFilter(machine_arn, limit=COUNTED_MAX))
            recent = [each for each in page.executions if each.started_at >= earliest]
            found.update(each.status for each in recent)
            is_cut = is_cut or (page.next_page is not None and len(recent) == len(page.executions))
        bad = sum(found[status] for status in _BAD)
        return Recent(len(running.executions), found[ExecutionStatus.SUCCEEDED], bad, is_cut)
