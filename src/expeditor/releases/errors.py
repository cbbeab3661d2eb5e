"""What releases refuse, and why."""

from collections.abc import Sequence

from expeditor.errors import ExpeditorError


class ReleaseError(ExpeditorError):
    """A release cannot be made, moved or used as asked."""


class UnknownReleaseError(ReleaseError):
    """No state machine has this release's name."""

    def __init__(self, release: str, known: Sequence[str]) -> None:
        listed = ", ".join(known) or "none"
        super().__init__(f"there is no release {release}; there are {listed}")
        self.release = release


class ReleaseExistsError(ReleaseError):
    """The release exists with other content, and releases never change.

    Attributes:
        differences: what was asked for beside what exists, a line each.
    """

    def __init__(self, release: str, differences: Sequence[str]) -> None:
        listed = "".join(f"\n  {line}" for line in differences)
        super().__init__(f"{release} exists with other content; raise the version to release what differs:{listed}")
        self.release = release
        self.differences = tuple(differences)


class FlagsChangedError(ReleaseError):
    """Somebody else changed the flags meanwhile."""

    def __init__(self, follows: int, present: int) -> None:
        super().__init__(f"the flags are at revision {present} by now, not {follows}; look at them and try again")
        self.follows = follows
        self.present = present
