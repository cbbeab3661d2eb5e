"""The table from the name of a state's type to how it is compiled and what it does."""

from collections.abc import Mapping
from dataclasses import dataclass

from expeditor.asl.states import choices, endings, maps, parallel, passes, tasks, waits
from expeditor.asl.states.reading import Compile
from expeditor.asl.turn import Behaviour


@dataclass(frozen=True, slots=True)
class StateType:
    """How one type of state is compiled and run."""

    compile: Compile
    behaviour: Behaviour


STATE_TYPES: Mapping[str, StateType] = {
    "Task": StateType(tasks.compile_task, tasks.BEHAVIOUR),
    "Wait": StateType(waits.compile_wait, waits.BEHAVIOUR),
    "Pass": StateType(passes.compile_pass, passes.BEHAVIOUR),
    "Succeed": StateType(endings.compile_succeed, endings.SUCCEED),
    "Fail": StateType(endings.compile_fail, endings.FAIL),
    "Choice": StateType(choices.compile_choice, choices.BEHAVIOUR),
    "Parallel": StateType(parallel.compile_parallel, parallel.BEHAVIOUR),
    "Map": StateType(maps.compile_map, maps.BEHAVIOUR),
}
"""In the order in which AWS lists the types."""

BEHAVIOURS: Mapping[str, Behaviour] = {name: one.behaviour for name, one in STATE_TYPES.items()}
