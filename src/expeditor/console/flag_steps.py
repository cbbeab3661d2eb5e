"""Stores of flags for an act that was shown first: one that only tries, one that demands that nothing changed since."""

from expeditor.releases import FlagsChangedError, FlagStore
from expeditor.rollout import Flags


class TryingStore:
    """Reads like another store and writes nothing, so that a move can be shown exactly as it would be made."""

    def __init__(self, store: FlagStore) -> None:
        self._store = store

    def read(self) -> Flags:
        """See ``FlagStore``."""
        return self._store.read()

    def write(self, flags: Flags) -> None:
        """Nothing."""

    def history(self) -> tuple[Flags, ...]:
        """See ``FlagStore``."""
        return self._store.history()


class SeenStore:
    """Another store, as long as the document in force is the one that a person has seen.

    Args:
        revision: of that document.
    """

    def __init__(self, store: FlagStore, revision: int) -> None:
        self._store = store
        self._revision = revision

    def read(self) -> Flags:
        """See ``FlagStore``.

        Raises:
            FlagsChangedError: another document is in force.
        """
        flags = self._store.read()
        if flags.change.revision != self._revision:
            raise FlagsChangedError(self._revision, flags.change.revision)
        return flags

    def write(self, flags: Flags) -> None:
        """See ``FlagStore``; what is written follows what was read here, so a change in between is refused as well."""
        self._store.write(flags)

    def history(self) -> tuple[Flags, ...]:
        """See ``FlagStore``."""
        return self._store.history()
