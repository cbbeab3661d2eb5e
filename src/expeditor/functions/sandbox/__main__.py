"""Entry of the zygote process: ``python -I PATH_OF_THIS_FILE CONTROL_DESCRIPTOR [MODULE ...]``.

Loads this folder as the package ``expeditor_sandbox``: importing it by its full name would load the node's modules into
every handler's process.
"""

import importlib.util
import sys
from pathlib import Path

_NAME = "expeditor_sandbox"


def _start() -> None:
    folder = Path(__file__).parent
    spec = importlib.util.spec_from_file_location(
        _NAME, folder / "__init__.py", submodule_search_locations=[str(folder)]
    )
    assert spec is not None
    package = importlib.util.module_from_spec(spec)
    sys.modules[_NAME] = package
    importlib.import_module(f"{_NAME}.zygote").main(int(sys.argv[1]), sys.argv[2:])


if __name__ == "__main__":
    _start()
