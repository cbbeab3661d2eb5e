"""How fast the machine is right now: shared machines change by half from one minute to the next."""

import json
import os
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from statistics import median

STEPS = 300_000
PAUSE_SECONDS = 0.005
SAMPLES = 200


def python_steps_per_s() -> float:
    """Million steps of a fixed Python loop that all processors together take in a second."""
    processors = os.cpu_count() or 1
    with ProcessPoolExecutor(processors) as pool:
        return round(sum(pool.map(_steps_per_s, range(processors))) / 1e6, 2)


def _steps_per_s(_: int) -> float:
    numbers: dict[int, str] = {}
    began = time.perf_counter()
    for step in range(STEPS):
        numbers[step % 1000] = str(step)
    return STEPS / (time.perf_counter() - began)


def slowdown_after_pause() -> float:
    """How many times longer a fifth of a millisecond's work takes after the process slept for 5 ms than right away.

    A process that waits for others pays this at each step: while it sleeps its caches go to other processes, and on a
    shared machine to other machines.
    """
    at_once = median(_processor_us(lambda: None) for _ in range(SAMPLES))
    after_pause = median(_processor_us(lambda: time.sleep(PAUSE_SECONDS)) for _ in range(SAMPLES))
    return round(after_pause / at_once, 2)


def _processor_us(before: Callable[[], None]) -> float:
    before()
    began = time.process_time_ns()
    json.dumps({str(number): [number, (number, str(number))] for number in range(300)})
    return (time.process_time_ns() - began) / 1000
