"""Step Functions, as far as the executions room goes."""

from expeditor.api.protocol import Operations
from expeditor.api.stepfunctions.activities import ActivityOperations
from expeditor.api.stepfunctions.aliases import AliasOperations
from expeditor.api.stepfunctions.definitions import definition_operations
from expeditor.api.stepfunctions.executions import ExecutionOperations
from expeditor.api.stepfunctions.histories import HistoryOperations
from expeditor.api.stepfunctions.map_runs import MapRunOperations
from expeditor.api.stepfunctions.state_machines import StateMachineOperations
from expeditor.api.stepfunctions.tags import TagOperations
from expeditor.api.stepfunctions.tasks import TaskOperations
from expeditor.api.stepfunctions.testing import TrialOperations
from expeditor.api.stepfunctions.versions import VersionOperations
from expeditor.executions import Engine
from expeditor.ids import Ids


def stepfunctions_operations(engine: Engine, ids: Ids) -> Operations:
    """The operations by name."""
    return {
        **StateMachineOperations(engine.machines).table(),
        **VersionOperations(engine.machines.versions).table(),
        **AliasOperations(engine.machines.aliases).table(),
        **definition_operations(),
        **TagOperations(engine.machines).table(),
        **ExecutionOperations(engine).table(),
        **HistoryOperations(engine).table(),
        **MapRunOperations(engine.map_runs).table(),
        **TaskOperations(engine).table(),
        **ActivityOperations(engine.activities).table(),
        **TrialOperations(engine.trials, ids).table(),
    }


__all__ = ["stepfunctions_operations"]
