"""Names of functions: from a name, a partial or a full ARN to (name, qualifier) and back."""

import re

from expeditor.functions import refusals

REGION = "us-east-1"
ACCOUNT = "000000000000"
LATEST = "$LATEST"

NAME_PATTERN = r"[a-zA-Z0-9-_]{1,64}"
ALIAS_PATTERN = r"(?!^[0-9]+$)([a-zA-Z0-9-_]{1,128})"
_PREFIX_PATTERN = r"(?:arn:aws[a-zA-Z-]*:lambda:[a-z0-9-]+:\d+:function:|(?:\d+:)?function:)?"
_QUALIFIER_PATTERN = r"(?:\$LATEST|[a-zA-Z0-9-_]{1,128})"

_REFERENCE = re.compile(rf"{_PREFIX_PATTERN}({NAME_PATTERN})(?::({_QUALIFIER_PATTERN}))?", re.ASCII)
_NAME = re.compile(NAME_PATTERN, re.ASCII)
_ALIAS = re.compile(ALIAS_PATTERN, re.ASCII)
_VERSION = re.compile(r"\$LATEST|[0-9]+", re.ASCII)


def parse(reference: str, qualifier: str | None = None) -> tuple[str, str | None]:
    """Name and qualifier (None: unqualified) of *reference*, a name, ``name:2``, partial ARN or ARN.

    Region and account of an ARN are not looked at: a definition written for any account finds the local function.

    Raises:
        InvalidRequestError: not of one of these forms.
        InvalidParameterValueError: *qualifier* names another one than *reference*.
    """
    match = _REFERENCE.fullmatch(reference)
    if match is None:
        raise refusals.malformed(reference, "functionName", _REFERENCE.pattern)
    name, inside = match.groups()
    if qualifier is None or qualifier == inside:
        return name, inside
    if inside is not None:
        raise refusals.InvalidParameterValueError(
            "The derived qualifier from the function name does not match the specified qualifier."
        )
    if re.fullmatch(_QUALIFIER_PATTERN, qualifier, re.ASCII) is None:
        raise refusals.malformed(qualifier, "qualifier", _QUALIFIER_PATTERN)
    return name, qualifier


def function_arn(name: str, qualifier: str | None = None) -> str:
    """``arn:aws:lambda:us-east-1:000000000000:function:NAME[:QUALIFIER]``."""
    arn = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}"
    return arn if qualifier is None else f"{arn}:{qualifier}"


def is_version(qualifier: str) -> bool:
    """Whether *qualifier* names a version rather than an alias."""
    return _VERSION.fullmatch(qualifier) is not None


def check_name(name: str) -> str:
    """*name*, when a function may be called so.

    Raises:
        InvalidRequestError: it may not.
    """
    if _NAME.fullmatch(name) is None:
        raise refusals.malformed(name, "functionName", NAME_PATTERN)
    return name


def check_alias(alias: str) -> str:
    """*alias*, when an alias may be called so: letters, digits, ``-`` and ``_``, not only digits.

    Raises:
        InvalidRequestError: it may not.
    """
    if _ALIAS.fullmatch(alias) is None:
        raise refusals.malformed(alias, "name", ALIAS_PATTERN)
    return alias
