"""Runs the measurements, prints a table and writes ``bench/results.json``: ``make bench``."""

import argparse
import json
import os
import platform
import sys
from pathlib import Path
from typing import Any

import apsw

from bench import engine, interpreter, whole_way
from bench.yardstick import slowdown_after_pause

RESULTS = Path(__file__).parent / "results.json"


def main() -> None:
    """Measures engine, interpreter and whole way in one run."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--seconds", type=float, default=10.0, help="length of each phase")
    parser.add_argument("--only", choices=["engine", "interpreter", "whole_way"], help="just one of them")
    arguments = parser.parse_args()
    results: dict[str, Any] = {"machine": machine()}
    if arguments.only in (None, "engine"):
        print("engine ...", file=sys.stderr)
        results |= engine.run(arguments.seconds)
    if arguments.only in (None, "interpreter"):
        print("interpreter ...", file=sys.stderr)
        results |= interpreter.run(arguments.seconds)
    if arguments.only in (None, "whole_way"):
        print("whole way ...", file=sys.stderr)
        results["whole_way"] = whole_way.measure(arguments.seconds)
    RESULTS.write_text(json.dumps(results, indent=2) + "\n")
    show(results)


def machine() -> dict[str, Any]:
    """What the figures were taken on."""
    return {
        "cpus": os.cpu_count(),
        "load_average": os.getloadavg()[0],
        "python": platform.python_version(),
        "sqlite": apsw.sqlite_lib_version(),
        "system": platform.platform(),
        "slowdown_after_pause": slowdown_after_pause(),
    }


def show(results: dict[str, Any], indent: str = "") -> None:
    """Prints the figures, one a line, on stdout."""
    for name, value in results.items():
        if isinstance(value, dict):
            print(f"{indent}{name}")
            show(value, indent + "  ")
        else:
            print(f"{indent}{name:<{30 - len(indent)}} {value}")


if __name__ == "__main__":
    main()
