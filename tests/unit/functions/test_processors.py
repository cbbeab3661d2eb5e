"""Whether the processors are busy, from the ticks that the system counts."""

from itertools import count

from expeditor.functions.processors import Processors, ticks

ALL_IDLE = [0, 0, 0, 20, 0, 0, 0, 0]
ALL_BUSY = [15, 0, 5, 0, 0, 0, 0, 0]
HALF_IN_THE_DISK = [10, 0, 0, 0, 10, 0, 0, 0]


def looked_every(seconds: float, *windows: list[int]) -> list[bool]:
    """What is said when the ticks of *windows* are spent one after the other."""
    spent = [[0] * 8]
    for window in windows:
        spent.append([before + more for before, more in zip(spent[-1], window, strict=True)])
    reads = iter(spent)
    processors = Processors(lambda: next(reads))
    at = count(1)
    processors.are_busy(0.0)
    return [processors.are_busy(next(at) * seconds) for _ in windows[1:]]


def test_processors_that_compute_all_the_time_are_busy() -> None:
    assert looked_every(0.2, ALL_IDLE, ALL_BUSY, ALL_IDLE) == [True, False]


def test_processors_that_wait_for_a_disk_are_not() -> None:
    assert looked_every(0.2, ALL_BUSY, HALF_IN_THE_DISK) == [False]


def test_what_was_before_a_quiet_moment_says_nothing_so_they_count_as_busy() -> None:
    assert looked_every(60.0, ALL_IDLE, ALL_IDLE) == [True]


def test_a_second_look_within_the_window_costs_no_read() -> None:
    reads = iter([[0] * 8, ALL_IDLE])
    processors = Processors(lambda: next(reads))

    assert [processors.are_busy(10.0), processors.are_busy(10.01)] == [True, True]


def test_a_system_that_does_not_tell_is_never_busy() -> None:
    processors = Processors(list)

    assert not processors.are_busy(10.0)
    assert not processors.are_busy(10.2)


def test_this_system_counts_ticks_of_eight_kinds_that_never_go_back() -> None:
    before, after = ticks(), ticks()

    assert len(before) == 8
    assert sum(after) >= sum(before) > 0
