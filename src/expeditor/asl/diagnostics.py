"""What is wrong with a definition: diagnostics as ValidateStateMachineDefinition answers them."""

from dataclasses import dataclass
from enum import StrEnum

from expeditor.errors import ServiceError


class Code(StrEnum):
    """AWS's codes of diagnostics."""

    INVALID_JSON = "INVALID_JSON_DESCRIPTION"
    SCHEMA = "SCHEMA_VALIDATION_FAILED"
    MISSING_TARGET = "MISSING_TRANSITION_TARGET"
    DUPLICATE_STATE = "DUPLICATE_STATE_NAME"
    NO_DOLLAR = "NO_DOLLAR"
    NO_PATH = "NO_PATH"
    STATIC_RESULT = "PASS_RESULT_IS_STATIC"


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One finding.

    Attributes:
        code: what kind of rule was broken.
        message: AWS's wording as far as it is known.
        location: JSON pointer into the definition, ``/`` for the whole of it.
        severity: ``ERROR`` or ``WARNING``.
    """

    code: str
    message: str
    location: str = "/"
    severity: str = "ERROR"


class DefinitionError(ServiceError):
    """A definition cannot be run.

    Attributes:
        diagnostics: every finding, in the order of the document.
    """

    code = "InvalidDefinition"

    def __init__(self, diagnostics: tuple[Diagnostic, ...], definition: str = "") -> None:
        super().__init__(_wording(diagnostics, definition))
        self.diagnostics = diagnostics


def _wording(diagnostics: tuple[Diagnostic, ...], definition: str) -> str:
    """AWS's message; it words mistakes in labels of map runs in a way of their own, with the whole definition."""
    label = next((one for one in diagnostics if one.location.endswith("/Label")), None)
    if label is not None:
        return f"Error=ValueError Args={[label.message]!r} in definition '{definition}'."
    found = ", ".join(f"{one.code}: {one.message} at {one.location}" for one in diagnostics)
    return f"Invalid State Machine Definition: '{found}'"
