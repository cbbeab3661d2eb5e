"""Many small worlds, each with faults of its own drawing; the oracle watches all of them.

``SIM_SEEDS=500 pytest tests/simulation/test_swarm.py`` runs more; ``SIM_FIRST=123 SIM_SEEDS=1`` runs one again.
"""

import os
import random
import tempfile
from collections import Counter
from pathlib import Path

from .oracle import SOMETIMES
from .region import Faults, Region

SEEDS = int(os.environ.get("SIM_SEEDS", "10"))
FIRST = int(os.environ.get("SIM_FIRST", "1"))
ORDERS = 12
MEMORY = Path("/dev/shm")
"""Processes die here, the machine does not: an fsync would only cost time."""
TOKENS = ("tok_ok",) * 6 + ("tok_declined", "tok_timeout_then_ok")
USERS = ("u-1",) * 8 + ("review-1",)


def test_whatever_goes_wrong_the_invariants_hold() -> None:
    met: Counter[str] = Counter()
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
        for seed in range(FIRST, FIRST + SEEDS):
            met += play(Path(folder) / str(seed), seed)

    missing = [name for name in SOMETIMES if not met[name]]
    assert SEEDS < 10 or not missing, f"I13 sometimes: {missing} never happened in seeds {FIRST} to {FIRST + SEEDS - 1}"


def play(folder: Path, seed: int) -> Counter[str]:
    """One world: which faults there are, and how often, is drawn as well."""
    draws = random.Random(seed)
    shares = [draws.choice((0.0, draws.random() * most)) for most in (0.5, 0.3, 0.5, 0.08, 0.08, 0.2)]
    names = ("duplicate", "lost", "refused", "crash", "ambiguous", "unheard")
    region = Region(folder, Faults(seed, **dict(zip(names, shares, strict=True))))
    for number in range(ORDERS):
        region.place(user_guid=draws.choice(USERS), payment_token=draws.choice(TOKENS), quantity=1 + number % 2)
        region.run(draws.random() * 20)
    region.down = draws.random() < 0.4
    for _ in range(3 if region.down else 0):
        region.place(quantity=1)
    region.run(600)
    region.down = False
    region.redrive_dead_letters()
    region.settle()
    region.close()
    return region.oracle.met
