"""How many files and connections the node's process may have open."""

import contextlib
import resource

DESCRIPTORS_MAX = 65_536
"""No more are asked for: some systems let a million be had, and a worker closes each below its limit as it starts."""


def raise_descriptor_limit() -> None:
    """Lifts the soft limit to the hard one, at most to DESCRIPTORS_MAX; what the node starts inherits it.

    Systems give 1,024 by default, for programs that use ``select``. A thousand connections would use them up, and
    then no worker, file or further connection could be opened.
    """
    soft, hard = (_number(each) for each in resource.getrlimit(resource.RLIMIT_NOFILE))
    wanted = min(hard, DESCRIPTORS_MAX)
    if soft < wanted:
        with contextlib.suppress(ValueError, OSError):  # the system allows less than it says: what there is must do
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))


def _number(limit: int) -> int:
    return DESCRIPTORS_MAX if limit == resource.RLIM_INFINITY else limit
