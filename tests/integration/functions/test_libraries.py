"""A deployment records the libraries that functions can import, and says which run with others by now."""

from pathlib import Path
from typing import Any

import pytest

from expeditor.functions import DEPENDENCIES_VARIABLE, Installed, recorded_dependencies, with_dependencies
from expeditor.node import Template, read_application
from expeditor.node.deployment import deploy_functions

pytestmark = pytest.mark.anyio

TEMPLATE = """
Resources:
  Pay:
    Type: AWS::Serverless::Function
    Properties: {FunctionName: pay, Handler: app.handler, CodeUri: code, AutoPublishAlias: prod}
"""


async def deploy(region: Any, folder: Path) -> list[str]:
    """What the deployment said."""
    said: list[str] = []
    (folder / "template.yaml").write_text(TEMPLATE)
    (folder / "code").mkdir(exist_ok=True)
    (folder / "code" / "app.py").write_text("import msgspec\ndef handler(event, context): pass")
    application = read_application(Template.read(folder / "template.yaml"), {})
    await deploy_functions(application, region.functions, said.append)
    return said


async def test_the_libraries_a_function_can_import_are_recorded_in_its_version(region: Any, tmp_path: Path) -> None:
    assert await deploy(region, tmp_path) == []
    assert await deploy(region, tmp_path) == []

    (version,) = region.functions.list_versions("pay")[1:]
    recorded = recorded_dependencies(version.configuration.environment)
    assert set(recorded) == {"msgspec", "python"}
    assert recorded["msgspec"] == Installed().versions["msgspec"]


async def test_versions_that_run_with_other_libraries_are_said_at_start(region: Any, tmp_path: Path) -> None:
    await deploy(region, tmp_path)
    old = with_dependencies({}, {"msgspec": "0.1", "gone-lib": "2"})
    for number in range(4):
        await region.deploy("handlers.echo", f"old-{number}", environment=old)

    (warning,) = await deploy(region, tmp_path)

    assert "gone-lib 2 -> not installed, msgspec 0.1 -> " in warning
    assert "old-0:1, old-1:1, old-2:1, ...; 4 in all" in warning
    assert "pay" not in warning


async def test_another_library_makes_another_version_and_moves_the_alias(region: Any, tmp_path: Path) -> None:
    await deploy(region, tmp_path)
    was = region.functions.get_function("pay", "prod")
    earlier = {**was.configuration.environment, DEPENDENCIES_VARIABLE: "msgspec==0.1"}
    await region.functions.delete_function("pay")
    await region.deploy("handlers.echo", "pay", environment=earlier)

    await deploy(region, tmp_path)

    assert recorded_dependencies(region.functions.get_function("pay", "prod").configuration.environment) == (
        recorded_dependencies(was.configuration.environment)
    )
