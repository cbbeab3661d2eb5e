"""The data-flow fields of states, in either query language."""

from expeditor.asl.dataflow import Dataflow, JSONataErrorFlow, JSONataFlow, PathFlow, Placing
from expeditor.asl.expressions import compiled, path, template
from expeditor.asl.fields import Fields
from expeditor.asl.model import Language
from expeditor.asl.paths import compile_reference_path
from expeditor.asl.scope import Expression

JSONPATH_ONLY = frozenset({
    "InputPath", "OutputPath", "ResultPath", "Parameters", "ResultSelector", "ItemsPath", "Result", "Variable",
    "SecondsPath", "TimestampPath", "TimeoutSecondsPath", "HeartbeatSecondsPath", "ErrorPath", "CausePath",
    "MaxConcurrencyPath", "ToleratedFailureCountPath", "ToleratedFailurePercentagePath", "MaxItemsPath",
    "MaxItemsPerBatchPath", "MaxInputBytesPerBatchPath",
})  # fmt: skip
JSONATA_ONLY = frozenset({"Arguments", "Output", "Items", "Condition"})


def check_language(fields: Fields) -> None:
    """Reports fields of the other query language, and takes them."""
    other = JSONPATH_ONLY if fields.language is Language.JSONATA else JSONATA_ONLY
    for name in fields.raw:
        if name in other:
            fields.find(f"The field '{name}' is not supported when 'QueryLanguage' is '{fields.language}'", name)
            fields.taken.add(name)


def result_flow(fields: Fields, *, selects: bool = False) -> Dataflow:
    """Data flow of states with a result of their own: Task, Parallel, Map, Pass.

    Args:
        selects: whether the input is selected per item instead, as in Map.
    """
    if fields.language is Language.JSONATA:
        return JSONataFlow(
            None if selects else template(fields, "Arguments"), template(fields, "Output"), assign(fields)
        )
    return PathFlow(
        input_path=path(fields, "InputPath"),
        parameters=None if selects else template(fields, "Parameters"),
        result_selector=template(fields, "ResultSelector"),
        result_path=_placing(fields),
        output_path=path(fields, "OutputPath"),
        assign=assign(fields),
        discards=_discards(fields),
    )


def plain_flow(fields: Fields) -> Dataflow:
    """Data flow of states that hand their input on: Choice, Wait, Succeed."""
    if fields.language is Language.JSONATA:
        return JSONataFlow(None, template(fields, "Output"), assign(fields))
    return PathFlow(input_path=path(fields, "InputPath"), output_path=path(fields, "OutputPath"), assign=assign(fields))


def assign(fields: Fields) -> Expression | None:
    """``Assign``: an object of variables."""
    if "Assign" in fields.raw and not isinstance(fields.raw["Assign"], dict):
        fields.find("Expected value of type Object", "Assign")
    return template(fields, "Assign")


def error_flow(fields: Fields) -> Dataflow:
    """Data flow of catchers, whose result is the error output."""
    if fields.language is Language.JSONATA:
        return JSONataErrorFlow(None, template(fields, "Output"), assign(fields))
    return PathFlow(result_path=_placing(fields), assign=assign(fields), discards=_discards(fields))


def _discards(fields: Fields) -> bool:
    return fields.has("ResultPath") and fields.raw["ResultPath"] is None


def _placing(fields: Fields) -> Placing | None:
    text = None if _discards(fields) else fields.text("ResultPath")
    fields.taken.add("ResultPath")
    if text is None or text == "$":
        return None
    return compiled(fields, "ResultPath", lambda: compile_reference_path(text))
