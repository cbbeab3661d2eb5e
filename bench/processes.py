"""CPU time and memory of a tree of processes, from /proc."""

import os
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class Usage:
    """What one process has used. CPU includes children that ended and were waited for."""

    cpu_ms: float
    rss_mb: float


def tree(root: int) -> list[int]:
    """*root* and all its descendants."""
    children: dict[int, list[int]] = defaultdict(list)
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            fields = _stat(int(entry.name))
            if fields:
                children[int(fields[1])].append(int(entry.name))

    def below(pid: int) -> Iterator[int]:
        yield pid
        for child in children[pid]:
            yield from below(child)

    return list(below(root))


def usage(pid: int) -> Usage:
    """What *pid* has used so far; zeros when it is gone."""
    fields = _stat(pid)
    if not fields:
        return Usage(0.0, 0.0)
    ticks = sum(map(int, fields[11:15]))
    return Usage(ticks * 1000 / _TICKS_PER_SECOND, int(fields[21]) * _PAGE_BYTES / 1_048_576)


def role(pid: int, root: int) -> str:
    """What a process of the node's tree is: node, order service, payments sandbox, functions."""
    if pid == root:
        return "node"
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return "gone"
    if "order_processing.service" in command:
        return "order_service"
    return "payments_sandbox" if "sandbox_server" in command else "functions"


def by_role(root: int) -> dict[str, Usage]:
    """Usage of the whole tree, summed by role."""
    cpu: dict[str, float] = defaultdict(float)
    rss: dict[str, float] = defaultdict(float)
    for pid in tree(root):
        name, used = role(pid, root), usage(pid)
        cpu[name] += used.cpu_ms
        rss[name] += used.rss_mb
    return {name: Usage(cpu[name], rss[name]) for name in cpu}


def _stat(pid: int) -> list[str]:
    """Fields of /proc/PID/stat after the name, state first; empty when the process is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []
