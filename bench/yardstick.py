"""How fast the machine is right now: shared machines change by half from one minute to the next."""

import os
import time
from concurrent.futures import ProcessPoolExecutor

STEPS = 300_000


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
