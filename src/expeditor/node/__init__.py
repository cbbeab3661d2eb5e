"""From a template to a running node: application, services, schedules, one port for everything."""

from expeditor.node.node import Node, Setup, run_node, started_node

__all__ = ["Node", "Setup", "run_node", "started_node"]
