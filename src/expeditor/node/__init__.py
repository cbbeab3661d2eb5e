"""From a template to a running node: settings, application, services, schedules."""

from expeditor.node.settings import ACCOUNT, HOST, REGION, Settings, SettingsError, aws_environment

__all__ = ["ACCOUNT", "HOST", "REGION", "Settings", "SettingsError", "aws_environment"]
