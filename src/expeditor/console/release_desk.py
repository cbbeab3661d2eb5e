"""What takes time about releases: AWS's API, the flags' file, the shop, pictures. It blocks, so ask it in a thread."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, NamedTuple

from expeditor.clock import Clock
from expeditor.console.comparing import Comparison, compared, marks
from expeditor.console.flag_steps import SeenStore, TryingStore
from expeditor.console.graph import draw
from expeditor.console.shop import fetch_orders
from expeditor.errors import ExpeditorError
from expeditor.releases import (
    Catalogue,
    FileFlagStore,
    FlagStore,
    Move,
    OperatorObservations,
    Release,
    SeenOrder,
    Traffic,
)
from expeditor.rollout import Author, Flags, ReleaseName, Target
from expeditor.settings import REGION, Settings

ORDERS_KEPT_SECONDS = 2.0
"""So long an answer of the shop is good for: pages that are live ask again and again."""
RELEASES_KEPT = 256
COMPARISONS_KEPT = 64


class Standing(NamedTuple):
    """A release as the engine knows it; what is read of it stays true as long as this stays the same."""

    name: ReleaseName
    arn: str
    revision_id: str | None
    created_at: float


class Wish(NamedTuple):
    """What an operator wants.

    Attributes:
        action: ``shift``, ``promote`` or ``undo``.
        release: None for undo.
        share: hundredths of a percent, for shift.
    """

    action: str
    release: ReleaseName | None = None
    share: int = 0
    target: Target = Target()


@dataclass(frozen=True, slots=True)
class Known:
    """A release, and what takes a while to compute of it."""

    release: Release
    digest: str
    is_intact: bool


@dataclass(frozen=True, slots=True)
class Side:
    """A release with its picture, an SVG element."""

    known: Known
    picture: str


@dataclass(frozen=True, slots=True)
class SideBySide:
    """Two releases, what differs, and both pictures with the differences marked."""

    before: Side
    after: Side
    comparison: Comparison


class NodeSilentError(ExpeditorError):
    """The node's own AWS endpoint refused or did not answer."""


class ReleaseDesk:
    """Reads and moves releases as the command line does: by AWS's API, and by the flags' file."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self.store: FlagStore = FileFlagStore(settings.flags_file)
        self._settings = settings
        self._clock = clock
        self._history: tuple[Flags, ...] = ()
        self._orders: tuple[float, float, Sequence[SeenOrder]] = (0.0, -ORDERS_KEPT_SECONDS, ())
        self.known = lru_cache(RELEASES_KEPT)(self._read)
        self.side = lru_cache(RELEASES_KEPT)(self._drawn)
        self.side_by_side = lru_cache(COMPARISONS_KEPT)(self._compared)

    @cached_property
    def catalogue(self) -> Catalogue:
        """Releases by AWS's API; made when it is first needed, as its clients take a tenth of a second."""
        return Catalogue(_client("stepfunctions", self._settings), _client("lambda", self._settings))

    def flags_stamp(self) -> object:
        """What changes whenever the flags do; quick."""
        try:
            return self._settings.flags_file.stat().st_mtime_ns
        except OSError:
            return None

    def history(self) -> tuple[Flags, ...]:
        """Every document of flags that was in force, oldest first; the last one is in force.

        Raises:
            FlagsError: there is none.
        """
        present = self.store.read()
        if not self._history or self._history[-1] != present:
            self._history = self.store.history()
        return self._history

    def orders(self, since: float) -> Sequence[SeenOrder]:
        """Orders placed since an instant, the newest 1,000 at most.

        Raises:
            ShopSilentError: nobody tells.
        """
        of, read_at, seen = self._orders
        now = self._clock.monotonic()
        if of != since or now - read_at >= ORDERS_KEPT_SECONDS:
            seen = OperatorObservations(lambda query: fetch_orders(self._settings, query)).orders(since)
            self._orders = (since, now, seen)
        return seen

    def tried(self, wish: Wish, author: Author) -> Move:
        """What a wish would do; nothing is moved. Raises as ``moved`` does."""
        with _told():
            return _MOVES[wish.action](Traffic(TryingStore(self.store), self.catalogue), wish, author)

    def moved(self, wish: Wish, author: Author, revision: int) -> Move:
        """Does it.

        Args:
            revision: of the flags as the operator saw them.

        Raises:
            ReleaseError, FlagsError: nothing was moved; FlagsChangedError, as the flags are other ones by now.
            NodeSilentError: the node's endpoint does not answer.
        """
        with _told():
            return _MOVES[wish.action](Traffic(SeenStore(self.store, revision), self.catalogue), wish, author)

    def _read(self, standing: Standing) -> Known:
        with _told():
            release = self.catalogue.get(standing.name)
        return Known(release, release.manifest.digest, release.is_intact)

    def _drawn(self, standing: Standing) -> Side:
        known = self.known(standing)
        return Side(known, draw(_definition(known)))

    def _compared(self, before: Standing, after: Standing) -> SideBySide:
        old, new = self.known(before), self.known(after)
        comparison = compared(old.release.manifest, new.release.manifest)
        return SideBySide(
            Side(old, draw(_definition(old), marks(comparison, of_before=True))),
            Side(new, draw(_definition(new), marks(comparison, of_before=False))),
            comparison,
        )


def _definition(known: Known) -> Mapping[str, Any]:
    definition = known.release.manifest.definition
    assert isinstance(definition, dict)
    return definition


def _client(service: str, settings: Settings) -> Any:
    import boto3
    from botocore.config import Config

    return boto3.client(  # type: ignore[call-overload]
        service,
        endpoint_url=settings.endpoint_url,
        region_name=REGION,
        aws_access_key_id="console",
        aws_secret_access_key="console",  # noqa: S106 - the node takes any on loopback
        config=Config(inject_host_prefix=False, retries={"total_max_attempts": 2}, connect_timeout=5, read_timeout=30),
    )


@contextmanager
def _told() -> Iterator[None]:
    """Gives botocore's exceptions a sentence."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except (BotoCoreError, ClientError) as error:
        raise NodeSilentError(f"the node's AWS endpoint did not do it: {error}") from error


def _shift(traffic: Traffic, wish: Wish, author: Author) -> Move:
    assert wish.release is not None
    return traffic.shift(wish.release, wish.share, wish.target, author)


def _promote(traffic: Traffic, wish: Wish, author: Author) -> Move:
    assert wish.release is not None
    return traffic.promote(wish.release, author)


def _undo(traffic: Traffic, _wish: Wish, author: Author) -> Move:
    return traffic.undo(author)


_MOVES: Mapping[str, Callable[[Traffic, Wish, Author], Move]] = {
    "shift": _shift,
    "promote": _promote,
    "undo": _undo,
}
