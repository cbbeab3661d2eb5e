"""A node process for the orphan test: opens a region, starts workers, prints the processes, and waits to be killed."""

import asyncio
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3]))

from tests.integration.functions.conftest import open_region


async def main(home: Path) -> None:
    region = open_region(home)
    await region.deploy("handlers.process")
    await region.deploy("handlers.leave_child", "leaving")
    await region.deploy("handlers.hang", "hanging", timeout_seconds=600)
    process = await region.result()
    child = await region.result("stay", "leaving")
    running = region.functions.invoke("hanging", b"1")
    print(json.dumps([process["pid"], process["parent"], child]), flush=True)
    await running


asyncio.run(main(Path(sys.argv[1])))
