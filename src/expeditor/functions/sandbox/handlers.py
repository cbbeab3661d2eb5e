"""From ``package/module.function`` to the function, with the runtime's errors."""

import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

from .faults import SandboxError, as_unpacked, exception_object

Handler: TypeAlias = Callable[[Any, Any], Any]

OWN_FILES = str(Path(__file__).parent)


def load_handler(name: str) -> Handler:
    """The handler called *name*.

    Raises:
        SandboxError: with the error type and words of Lambda's Python runtime.
    """
    module_name, separator, function_name = name.rpartition(".")
    if not separator:
        raise SandboxError(
            "Runtime.MalformedHandlerName", f"Bad handler '{name}': not enough values to unpack (expected 2, got 1)"
        )
    handler = getattr(_load_module(module_name), function_name, None)
    if handler is None:
        raise SandboxError("Runtime.HandlerNotFound", f"Handler '{function_name}' missing on module '{module_name}'")
    found: Handler = handler
    return found


def _load_module(name: str) -> Any:
    if name.split(".")[0] in sys.builtin_module_names:
        raise SandboxError("Runtime.BuiltInModuleConflict", f"Cannot use built-in module {name} as a handler module")
    try:
        return importlib.import_module(name.replace("/", "."))
    except ImportError as error:
        raise SandboxError("Runtime.ImportModuleError", f"Unable to import module '{name}': {error}") from error
    except SyntaxError as error:
        raise SandboxError(
            "Runtime.UserCodeSyntaxError",
            f"Syntax error in module '{name}': {error}",
            [as_unpacked(f'  File "{error.filename}" Line {error.lineno}\n    {error.text}')],
        ) from error
    except Exception as error:  # the edge to a handler's code, which may raise anything
        described = exception_object(error, "", OWN_FILES)
        raise SandboxError(described["errorType"], described["errorMessage"], _without_importlib(described)) from error


def _without_importlib(described: dict[str, Any]) -> list[str]:
    trace: list[str] = described["stackTrace"]
    return [entry for entry in trace if "importlib" not in entry]
