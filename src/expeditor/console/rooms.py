"""What the console shows: the rooms of the node it belongs to."""

from dataclasses import dataclass

from expeditor.clock import Clock
from expeditor.executions import Engine
from expeditor.functions import Functions
from expeditor.settings import Settings
from expeditor.topics import Topics


@dataclass(frozen=True, slots=True)
class Rooms:
    """The rooms of a node, in the order in which it hands them over."""

    engine: Engine
    topics: Topics
    functions: Functions
    clock: Clock
    settings: Settings
