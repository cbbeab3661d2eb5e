"""Releases through AWS's API alone: create, compare, shift, undo, replay, redrive; the same on node and AWS."""

from expeditor.releases.alias_moves import OTHER_TOOL, AliasMoves, ToldMove, pointing_of
from expeditor.releases.catalogue import Catalogue, Release
from expeditor.releases.collecting import Clients, Found, collect, collectable
from expeditor.releases.creating import (
    Created,
    InvalidDefinitionError,
    Package,
    WantedFunction,
    WantedRelease,
    create_release,
)
from expeditor.releases.errors import FlagsChangedError, ReleaseError, ReleaseExistsError, UnknownReleaseError
from expeditor.releases.executions import asking, last_recorded, recorded
from expeditor.releases.flag_stores import FileFlagStore, FlagStore, ParameterFlagStore
from expeditor.releases.function_acts import (
    COLLECT,
    FileFunctionActs,
    FunctionAct,
    FunctionActs,
    ParameterFunctionActs,
    Pointing,
)
from expeditor.releases.observing import Observations, OperatorObservations, SeenOrder, arm_of
from expeditor.releases.recording import Answer, Call, Recording, recording_of
from expeditor.releases.redriving import Redriven, redrive
from expeditor.releases.replaying import Replay, Replayer, summary
from expeditor.releases.rolling import Round, roll, standing
from expeditor.releases.traffic import RELEASE, Move, Traffic

__all__ = [
    "COLLECT",
    "OTHER_TOOL",
    "RELEASE",
    "AliasMoves",
    "Answer",
    "Call",
    "Catalogue",
    "Clients",
    "Created",
    "FileFlagStore",
    "FileFunctionActs",
    "FlagStore",
    "FlagsChangedError",
    "Found",
    "FunctionAct",
    "FunctionActs",
    "InvalidDefinitionError",
    "Move",
    "Observations",
    "OperatorObservations",
    "Package",
    "ParameterFlagStore",
    "ParameterFunctionActs",
    "Pointing",
    "Recording",
    "Redriven",
    "Release",
    "ReleaseError",
    "ReleaseExistsError",
    "Replay",
    "Replayer",
    "Round",
    "SeenOrder",
    "ToldMove",
    "Traffic",
    "UnknownReleaseError",
    "WantedFunction",
    "WantedRelease",
    "arm_of",
    "asking",
    "collect",
    "collectable",
    "create_release",
    "last_recorded",
    "pointing_of",
    "recorded",
    "recording_of",
    "redrive",
    "roll",
    "standing",
    "summary",
]
