"""From a template to a running node: application, services, schedules, one port for everything."""

from expeditor.node.application import Application, FunctionResource, read_application
from expeditor.node.deployment import pinned_definition
from expeditor.node.memory import calm_collector
from expeditor.node.node import Node, Setup, prepare_home, run_node, started_node
from expeditor.node.parameters import node_parameters
from expeditor.node.scheduling import run_in_turns
from expeditor.node.template import Template

__all__ = [
    "Application",
    "FunctionResource",
    "Node",
    "Setup",
    "Template",
    "calm_collector",
    "node_parameters",
    "pinned_definition",
    "prepare_home",
    "read_application",
    "run_in_turns",
    "run_node",
    "started_node",
]
