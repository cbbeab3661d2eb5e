"""Durable executions of state machines."""

from expeditor.executions.activities import Activities, Activity, ActivityTask
from expeditor.executions.aliases import Alias, Aliases
from expeditor.executions.engine import Counts, Engine
from expeditor.executions.history_logs import LogWriter
from expeditor.executions.machines import (
    CreateStateMachine,
    MachineType,
    StateMachine,
    StateMachines,
    StateMachineSummary,
    UpdateStateMachine,
)
from expeditor.executions.map_runs import MapRunChange, MapRunDescription, MapRuns
from expeditor.executions.parts import Parts
from expeditor.executions.records import ExecutionDescription, ExecutionFilter, ExecutionPage, ExecutionSummary
from expeditor.executions.runner import Change, ChangeKind
from expeditor.executions.timers import Alarm, LoopAlarm
from expeditor.executions.trials import Trials, check_input
from expeditor.executions.versions import Version, Versions
from expeditor.integrations import ClosedExecution, StartedExecution, StartRequest

__all__ = [
    "Activities",
    "Activity",
    "ActivityTask",
    "Alarm",
    "Alias",
    "Aliases",
    "Change",
    "ChangeKind",
    "ClosedExecution",
    "Counts",
    "CreateStateMachine",
    "Engine",
    "ExecutionDescription",
    "ExecutionFilter",
    "ExecutionPage",
    "ExecutionSummary",
    "LogWriter",
    "LoopAlarm",
    "MachineType",
    "MapRunChange",
    "MapRunDescription",
    "MapRuns",
    "Parts",
    "StartRequest",
    "StartedExecution",
    "StateMachine",
    "StateMachineSummary",
    "StateMachines",
    "Trials",
    "UpdateStateMachine",
    "Version",
    "Versions",
    "check_input",
]
