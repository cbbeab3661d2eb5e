"""The Amazon States Language: definitions in, commands out; no clock, no randomness, no input or output.

A definition is compiled once with ``compile_definition``. An ``Execution`` is moved on by ``advance``, one event at a
time; what it answers is what the engine must do. The same events in the same order give the same execution, commands
and history.
"""

from expeditor.asl.commands import (
    CancelTask,
    CancelTimer,
    CloseExecution,
    Command,
    ExecutionStatus,
    ScheduleTask,
    StartTimer,
)
from expeditor.asl.definition import compile_definition
from expeditor.asl.diagnostics import DefinitionError, Diagnostic
from expeditor.asl.events import (
    AnyEvent,
    Event,
    ExecutionAborted,
    ExecutionRedriven,
    ExecutionStarted,
    MapRunUpdated,
    TaskFailed,
    TaskStarted,
    TaskSubmitted,
    TaskSucceeded,
    TimerFired,
)
from expeditor.asl.execution import HISTORY_EVENTS_MAX, ActiveState, Execution, ExecutionContext, Failure, MapRun
from expeditor.asl.hints import definition_hints
from expeditor.asl.history import HistoryEvent, HistoryPage, without_data
from expeditor.asl.machine import advance, begin, go_on
from expeditor.asl.model import Machine, MapState, ParallelState, State, TaskState
from expeditor.asl.references import variable_references
from expeditor.asl.scope import Missing
from expeditor.asl.single_definition import compile_single_state
from expeditor.asl.single_state import SingleState, StateReport, Trial, TrialStatus
from expeditor.asl.turn import Turn

__all__ = [
    "HISTORY_EVENTS_MAX",
    "ActiveState",
    "AnyEvent",
    "CancelTask",
    "CancelTimer",
    "CloseExecution",
    "Command",
    "DefinitionError",
    "Diagnostic",
    "Event",
    "Execution",
    "ExecutionAborted",
    "ExecutionContext",
    "ExecutionRedriven",
    "ExecutionStarted",
    "ExecutionStatus",
    "Failure",
    "HistoryEvent",
    "HistoryPage",
    "Machine",
    "MapRun",
    "MapRunUpdated",
    "MapState",
    "Missing",
    "ParallelState",
    "ScheduleTask",
    "SingleState",
    "StartTimer",
    "State",
    "StateReport",
    "TaskFailed",
    "TaskStarted",
    "TaskState",
    "TaskSubmitted",
    "TaskSucceeded",
    "TimerFired",
    "Trial",
    "TrialStatus",
    "Turn",
    "advance",
    "begin",
    "compile_definition",
    "compile_single_state",
    "definition_hints",
    "go_on",
    "variable_references",
    "without_data",
]
