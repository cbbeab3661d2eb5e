"""Moves of function aliases: made, told, and taken back one after the other."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from expeditor.releases.errors import ReleaseError
from expeditor.releases.function_acts import MOVE, UNDO, FunctionAct, FunctionActs, Pointing
from expeditor.rollout import Author

if TYPE_CHECKING:
    from mypy_boto3_lambda.client import LambdaClient

OTHER_TOOL = "another tool"
"""Who moved an alias in between, such as a deployment; when and why is not known here."""


@dataclass(frozen=True, slots=True)
class ToldMove:
    """A move of an alias as its history tells it.

    Attributes:
        act: None for a move that another tool made.
        before, after: where the alias pointed; None: it did not exist.
    """

    act: FunctionAct | None
    before: Pointing | None
    after: Pointing | None


class AliasMoves:
    """Moves aliases through Lambda's API and writes down each move."""

    def __init__(self, functions: "LambdaClient", acts: FunctionActs) -> None:
        self._functions = functions
        self._acts = acts

    def present(self, name: str, alias: str) -> Pointing | None:
        """Where an alias points; None: there is none."""
        return self._found(name, alias)[0]

    def set(self, name: str, alias: str, wanted: Pointing, author: Author) -> FunctionAct | None:
        """Points an alias to *wanted*, and creates it where there is none; None: it points there already."""
        return self._moved(MOVE, (name, alias), wanted, author)

    def undo(self, name: str, alias: str, author: Author) -> FunctionAct:
        """Takes the latest move back that was not taken back; once more, the one before it.

        Raises:
            ReleaseError: there is none that is known of.
        """
        back = going_back(self._of(name, alias), self.present(name, alias))
        if back is None:
            raise ReleaseError(
                f"nothing is known of where {alias} of {name} pointed before; `expeditor function versions {name}` "
                f"lists what it could point to, `expeditor function alias set` moves it"
            )
        made = self._moved(UNDO, (name, alias), back, author)
        assert made is not None, "where it goes back to is never where it points"
        return made

    def history(self, name: str, alias: str) -> list[ToldMove]:
        """Moves of an alias, newest first."""
        return history(self._of(name, alias), self.present(name, alias))

    def aliases(self, name: str) -> list[str]:
        """Aliases of a function that were moved here."""
        return sorted({act.alias for act in self._acts.all() if act.function == name and act.alias})

    def _of(self, name: str, alias: str) -> list[FunctionAct]:
        return [act for act in self._acts.all() if (act.function, act.alias) == (name, alias)]

    def _moved(self, action: str, what: tuple[str, str], wanted: Pointing, author: Author) -> FunctionAct | None:
        """Moves first: what a crash keeps from being written down shows in the history as another tool's move."""
        name, alias = what
        before, revision = self._found(name, alias)
        if before == wanted:
            return None
        settings: Any = {
            "FunctionName": name,
            "Name": alias,
            "FunctionVersion": wanted.version,
            "RoutingConfig": {"AdditionalVersionWeights": dict(wanted.weights)},
        }
        if before is None:
            self._functions.create_alias(**settings)
        else:
            self._functions.update_alias(**settings, RevisionId=revision)
        act = FunctionAct(
            action=action,
            function=name,
            at=author.at,
            by=author.by,
            reason=author.reason,
            alias=alias,
            before=before,
            after=wanted,
        )
        self._acts.add(act)
        return act

    def _found(self, name: str, alias: str) -> tuple[Pointing | None, str]:
        client = self._functions
        try:
            found = client.get_alias(FunctionName=name, Name=alias)
        except client.exceptions.ResourceNotFoundException:
            client.get_function_configuration(FunctionName=name)
            return None, ""
        return pointing_of(dict(found)), found["RevisionId"]


def pointing_of(alias: Mapping[str, Any]) -> Pointing:
    """Where an alias points, as Lambda describes it."""
    weights = (alias.get("RoutingConfig") or {}).get("AdditionalVersionWeights") or {}
    return Pointing(alias["FunctionVersion"], dict(weights))


def going_back(acts: Sequence[FunctionAct], present: Pointing | None) -> Pointing | None:
    """Where undoing the latest move leads; None: nowhere that is known of.

    Args:
        acts: of one alias, oldest first.
    """
    stands = _stands(acts, present)
    return stands[-2] if len(stands) > 1 else None


def history(acts: Sequence[FunctionAct], present: Pointing | None) -> list[ToldMove]:
    """Every move of an alias, newest first; those that other tools made in between as one each."""
    told: list[ToldMove] = []
    at: Pointing | None = acts[0].before if acts else present
    for act in acts:
        if act.before != at:
            told.append(ToldMove(None, at, act.before))
        told.append(ToldMove(act, act.before, act.after))
        at = act.after
    if at != present:
        told.append(ToldMove(None, at, present))
    return told[::-1]


def _stands(acts: Iterable[FunctionAct], present: Pointing | None) -> list[Pointing | None]:
    """Where the alias stood, move by move, without those that were taken back; the last one is where it points."""
    stands: list[Pointing | None] = []
    for act in acts:
        _stand(stands, act.before)
        if act.action == UNDO and stands[-2:-1] == [act.after]:
            stands.pop()
        else:
            stands.append(act.after)
    _stand(stands, present)
    return stands


def _stand(stands: list[Pointing | None], pointing: Pointing | None) -> None:
    if stands[-1:] != [pointing]:
        stands.append(pointing)
