"""Who gets which release: every move is a new document of flags, audited, and can be undone."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from expeditor.releases.catalogue import Catalogue
from expeditor.releases.errors import ReleaseError
from expeditor.releases.flag_stores import FlagStore
from expeditor.rollout import (
    Author,
    Flag,
    Flags,
    ReleaseName,
    Target,
    last_undoable,
    moved,
    promoted,
    shifted,
    undone,
    withdrawn,
)

RELEASE = "release"
"""Key of the experiment that chooses among releases."""


@dataclass(frozen=True, slots=True)
class Move:
    """A move that was made.

    Attributes:
        staying: executions under way per release, which stay where they are.
    """

    before: Flags
    after: Flags
    staying: Mapping[str, int]


class Traffic:
    """Moves orders that are still to come; those assigned already are recorded on the orders and obeyed."""

    def __init__(self, store: FlagStore, catalogue: Catalogue) -> None:
        self._store = store
        self._catalogue = catalogue

    @property
    def flags(self) -> Flags:
        """The document in force."""
        return self._store.read()

    def shift(self, name: ReleaseName, share: int, target: Target, author: Author) -> Move:
        """Gives *share*, in hundredths of a percent, of *target* to a release.

        Raises:
            UnknownReleaseError, ReleaseError, FlagsError, FlagsChangedError: nothing was moved.
        """
        self._demand_usable(name)
        action = f"shift {name} to {share / 100:g} % of {target.segment}"
        return self.change(lambda flags: shifted(flags, RELEASE, str(name), share, target), author, action)

    def promote(self, name: ReleaseName, author: Author) -> Move:
        """Gives everyone to a release, which is the stable one from now on.

        Raises:
            UnknownReleaseError, ReleaseError, FlagsError, FlagsChangedError: nothing was moved.
        """
        self._demand_usable(name)
        return self.change(lambda flags: promoted(flags, RELEASE, str(name)), author, f"promote {name}")

    def withdraw(self, name: ReleaseName, author: Author) -> Move:
        """Takes a release's share away, everywhere.

        Raises:
            FlagsError: it is the stable one.
        """
        return self.change(lambda flags: withdrawn(flags, RELEASE, str(name)), author, f"roll back {name}")

    def undo(self, author: Author) -> Move:
        """Takes the latest move back that has not been taken back; once more, the one before it.

        Raises:
            ReleaseError: there is nothing to take back.
        """
        found = last_undoable(self._store.history())
        if found is None:
            raise ReleaseError("nothing is left to undo; `expeditor experiment history` shows every move")
        latest, before = found
        present = self._store.read()
        return self._written(present, undone(present, before, author, latest.change))

    def change(self, make: Callable[[Flags], Flag], author: Author, action: str) -> Move:
        """Puts the flag that *make* gives in the place of the present one.

        Raises:
            FlagsError, FlagsChangedError: nothing was changed.
        """
        present = self._store.read()
        return self._written(present, moved(present, make(present), author, action))

    def _written(self, before: Flags, after: Flags) -> Move:
        self._store.write(after)
        known = {str(name): name for name in self._catalogue.arns()}
        named = sorted((before.flag(RELEASE).variants | after.flag(RELEASE).variants) & known.keys())
        return Move(before, after, {release: self._catalogue.running(known[release]) for release in named})

    def _demand_usable(self, name: ReleaseName) -> None:
        release = self._catalogue.get(name)
        if not release.is_intact:
            raise ReleaseError(
                f"{name} is not what was released: its digest is {release.manifest.digest[:12]}, recorded was "
                f"{release.recorded_digest[:12]}; somebody edited the state machine. Make a new release"
            )
