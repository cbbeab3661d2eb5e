"""What the tasks of a definition call, and by which names a test may mock them."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from expeditor.payloads import JSONValue

ACCOUNT = "000000000000"
REGION = "us-east-1"

_PLACEHOLDER = re.compile(r"\$\{([A-Za-z0-9_.:]+)\}")
_FUNCTION_ARN = re.compile(r"arn:[^:]+:lambda:[^:]*:[^:]*:function:([^:]+)(?::([^:]+))?")
_SUFFIXES = re.compile(r"(?:Function|Lambda|State[Mm]achine)?(?:Version|Alias|Qualified)?(?:Arn|Name|Ref)?$")
_OPTIMISED = "arn:aws:states:::"
_CALLBACK = ".waitForTaskToken"

PSEUDO_PARAMETERS: Mapping[str, str] = {"AWS::Partition": "aws", "AWS::Region": REGION, "AWS::AccountId": ACCOUNT}


@dataclass(frozen=True, slots=True)
class Function:
    """A function as a Task names it; *qualifier* is a version or an alias."""

    name: str
    qualifier: str | None = None

    def is_meant_by(self, target: "Function") -> bool:
        """Whether a test that says *target* means this one; spelling and suffixes such as ``FunctionArn`` are free."""
        return folded(self.name) == folded(target.name) and target.qualifier in (None, self.qualifier)


@dataclass(frozen=True, slots=True)
class Site:
    """One Task state, or the reader or writer of a Map state.

    Attributes:
        function: None where it calls none, or one that is known only when it runs.
        is_dynamic: whether its function is known only when it runs.
    """

    state: str
    resource: str
    function: Function | None
    is_dynamic: bool = False

    @property
    def has_token(self) -> bool:
        """Whether the task waits for who holds its token."""
        return self.resource.endswith(_CALLBACK) or ":activity:" in self.resource

    @property
    def names(self) -> tuple[str, ...]:
        """What a test may call it by, beside the state's name."""
        short = short_resource(self.resource)
        return (self.function.name,) if self.function is not None else (short,)


def function_of(text: str) -> Function:
    """The function that an ARN, ``name:qualifier`` or a name means."""
    match = _FUNCTION_ARN.fullmatch(text)
    name, qualifier = match.groups() if match else (*text.split(":", 1), None)[:2]
    return Function(str(name), qualifier)


def folded(name: str) -> str:
    """*name* without what differs between ``authorize-payments`` and ``AuthorizePaymentsFunctionArn``."""
    stem = _SUFFIXES.sub("", name) or name
    return re.sub(r"[^a-z0-9]", "", stem.lower())


def short_resource(resource: str) -> str:
    """``sns:publish`` of ``arn:aws:states:::sns:publish.waitForTaskToken``; ARNs of other kinds stay."""
    return resource.removeprefix(_OPTIMISED).removesuffix(_CALLBACK)


def called_function(resource: str, parameters: JSONValue) -> Function | None:
    """The function that a task calls with its effective input, if it calls one."""
    if _FUNCTION_ARN.fullmatch(resource):
        return function_of(resource)
    if short_resource(resource) != "lambda:invoke" or not isinstance(parameters, dict):
        return None
    name, qualifier = parameters.get("FunctionName"), parameters.get("Qualifier")
    found = function_of(str(name))
    return Function(found.name, str(qualifier)) if qualifier is not None else found


def substituted(value: JSONValue, substitutions: Mapping[str, str]) -> JSONValue:
    """*value*, a definition, with its ``${...}`` replaced; what has no substitution is taken for what its name says."""
    if isinstance(value, dict):
        return {key: substituted(member, substitutions) for key, member in value.items()}
    if isinstance(value, list):
        return [substituted(item, substitutions) for item in value]
    if not isinstance(value, str) or "${" not in value:
        return value
    known = {**PSEUDO_PARAMETERS, **substitutions}
    return _PLACEHOLDER.sub(lambda match: known.get(match[1]) or _stand_in(match[0], match[1], value), value)


def _stand_in(placeholder: str, name: str, text: str) -> str:
    """An ARN for a placeholder that fills its whole field and names a function; others stay as they are."""
    stem = _SUFFIXES.sub("", name) or name
    is_function = "Function" in name or "Lambda" in name
    return f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{stem}" if is_function and text == placeholder else placeholder


def sites(definition: JSONValue) -> Iterator[Site]:
    """Every place of *definition* that calls something, however deep inside."""
    states = definition.get("States") if isinstance(definition, dict) else None
    for name, state in states.items() if isinstance(states, dict) else ():
        if not isinstance(state, dict):
            continue
        yield from _own_sites(name, state)
        branches = state.get("Branches")
        inner = [state.get("ItemProcessor"), state.get("Iterator"), *(branches if isinstance(branches, list) else [])]
        for one in inner:
            yield from sites(one)


def _own_sites(name: str, state: dict[str, JSONValue]) -> Iterator[Site]:
    for holder in (state, state.get("ItemReader"), state.get("ResultWriter")):
        resource = holder.get("Resource") if isinstance(holder, dict) else None
        if isinstance(holder, dict) and isinstance(resource, str):
            yield _site(name, resource, holder.get("Parameters", holder.get("Arguments")))


def _site(name: str, resource: str, parameters: JSONValue) -> Site:
    if short_resource(resource) != "lambda:invoke":
        return Site(name, resource, called_function(resource, parameters))
    static = parameters.get("FunctionName") if isinstance(parameters, dict) else None
    if not isinstance(static, str) or static.startswith("{%"):
        return Site(name, resource, None, is_dynamic=True)
    return Site(name, resource, called_function(resource, parameters))
