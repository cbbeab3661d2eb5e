"""From a template to a running node: application, services, schedules, one port for everything."""

from expeditor.node.memory import calm_collector
from expeditor.node.node import Node, Setup, run_node, started_node
from expeditor.node.template import Template

__all__ = ["Node", "Setup", "Template", "calm_collector", "run_node", "started_node"]
