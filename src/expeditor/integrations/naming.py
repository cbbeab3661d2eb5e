"""Names as the AWS SDK for Java spells them, which is how Step Functions spells them."""

import re
from collections.abc import Mapping
from functools import cache

_RULES: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"[^A-Za-z0-9]+"), " "),
    (re.compile(r"([^a-z]{2,})v([0-9]+)"), r"\1 v\2 "),
    (re.compile(r"([^A-Z]{2,})V([0-9]+)"), r"\1 V\2 "),
    (re.compile(r"(?<=[a-z])(?=[A-Z][a-zA-Z0-9])"), " "),
    (re.compile(r"([A-Z]+)([A-Z][a-z])"), r"\1 \2"),
    (re.compile(r"([0-9])([a-zA-Z])"), r"\1 \2"),
)
"""Where the words of a name end, in the order in which the SDK looks for it."""

_RESERVED = {"Null": "Nul", "Equals": "EqualsValue", "Default": "DefaultValue"}
"""Words that Java keeps for itself. Source: "AWS SDK service integrations", API naming conventions."""

BOTOCORE_NAMES: Mapping[str, str] = {
    "applicationdiscovery": "discovery",
    "cloudwatchlogs": "logs",
    "cognitoidentityprovider": "cognito-idp",
    "costandusagereport": "cur",
    "costexplorer": "ce",
    "databasemigration": "dms",
    "directory": "ds",
    "directoryservicedata": "ds-data",
    "elasticloadbalancing": "elb",
    "elasticloadbalancingv2": "elbv2",
    "elasticsearch": "es",
    "eventbridge": "events",
    "iotdataplane": "iot-data",
    "iotjobsdataplane": "iot-jobs-data",
    "lexmodelbuilding": "lex-models",
    "lexmodelsv2": "lexv2-models",
    "lexruntime": "lex-runtime",
    "lexruntimev2": "lexv2-runtime",
    "marketplaceentitlement": "marketplace-entitlement",
    "marketplacemetering": "meteringmarketplace",
    "migrationhub": "mgh",
    "pinpointsmsvoice": "sms-voice",
    "serverlessapplicationrepository": "serverlessrepo",
    "sfn": "stepfunctions",
}
"""botocore's names of services that Step Functions calls otherwise; the rest differ in hyphens at most."""


@cache
def pascal(name: str) -> str:
    """``MD5OfBody`` as ``Md5OfBody``, ``BOOL`` as ``Bool``, ``DynamoDB`` as ``DynamoDb``."""
    text = name
    for pattern, replacement in _RULES:
        text = pattern.sub(replacement, text)
    spelled = "".join(word[:1].upper() + word[1:].lower() for word in text.split())
    return _RESERVED.get(spelled, spelled)


def capitalised(name: str) -> str:
    """``stateMachineArn`` as ``StateMachineArn``; everything else stays."""
    return name[:1].upper() + name[1:]


def service_prefix(service_id: str) -> str:
    """What a service's error names begin with in an SDK integration, such as ``CloudWatchLogs``."""
    return pascal(service_id.removesuffix(" Service"))


def exception_name(shape: str) -> str:
    """The class that the SDK makes of an error's shape: it always ends in ``Exception``."""
    return shape if shape.endswith("Exception") else f"{shape.removesuffix('Fault')}Exception"
