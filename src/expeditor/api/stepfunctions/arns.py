"""What kind of ARN an operation of Step Functions takes."""

from expeditor.errors import ServiceError


class InvalidArnError(ServiceError):
    """Not an ARN of Step Functions, or of another kind than the operation takes."""

    code = "InvalidArn"


def check_arn(arn: str, *kinds: str) -> str:
    """*arn*, when it names one of these *kinds*, such as ``stateMachine`` or ``execution``.

    Raises:
        InvalidArnError: in AWS's words.
    """
    parts = arn.split(":")
    if len(parts) < 7 or parts[0] != "arn" or parts[2] != "states":
        raise InvalidArnError(f"Invalid Arn: 'Invalid ARN prefix: {arn}'")
    if parts[5] not in kinds:
        raise InvalidArnError(f"Invalid Arn: 'Resource type not valid in this context: {parts[5]}'")
    return arn
