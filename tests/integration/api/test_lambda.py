"""Lambda through boto3: functions, versions, aliases, invocations, policies, tags."""

import base64
import hashlib
import io
import json
import zipfile
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from .conftest import Endpoint

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient

ROLE = "arn:aws:iam::000000000000:role/functions"
PREFIX = "arn:aws:lambda:us-east-1:000000000000:function:"
ECHO = """
import os

def handler(event, context):
    print("seen", event)
    return {"event": event, "by": os.environ.get("BY")}
"""
FAIL = "def handler(event, context):\n    raise ValueError('no stock')"


@pytest.fixture(scope="module")
def functions(endpoint: Endpoint) -> "LambdaClient":
    return endpoint.functions


def zipped(source: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(zipfile.ZipInfo("app.py", (2026, 1, 1, 0, 0, 0)), source)
    return buffer.getvalue()


def create(functions: "LambdaClient", name: str, source: str = ECHO, **more: Any) -> dict[str, Any]:
    made = functions.create_function(
        FunctionName=name,
        Runtime="python3.11",
        Handler="app.handler",
        Role=ROLE,
        Code={"ZipFile": zipped(source)},
        **more,
    )
    return dict(made)


def invoke(functions: "LambdaClient", name: str, event: object = None, **more: Any) -> dict[str, Any]:
    answer: dict[str, Any] = dict(functions.invoke(FunctionName=name, Payload=json.dumps(event).encode(), **more))
    answer["Payload"] = json.loads(answer["Payload"].read() or "null")
    return answer


def refused(call: Callable[[], Any]) -> tuple[str, int]:
    """Code and HTTP status of the refusal."""
    with pytest.raises(ClientError) as caught:
        call()
    response = caught.value.response
    return response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]


def test_function_is_described_as_it_was_created(functions: "LambdaClient") -> None:
    made = create(
        functions,
        "described",
        Description="says what it got",
        Timeout=7,
        MemorySize=256,
        Environment={"Variables": {"BY": "me"}},
        Tags={"team": "orders"},
    )

    found = functions.get_function(FunctionName="described")

    assert made["ResponseMetadata"]["HTTPStatusCode"] == 201
    assert found["Configuration"]["FunctionArn"] == PREFIX + "described"
    assert found["Configuration"]["CodeSha256"] == base64.b64encode(hashlib.sha256(zipped(ECHO)).digest()).decode()
    assert found["Configuration"]["Environment"] == {"Variables": {"BY": "me"}}
    assert (found["Configuration"]["Timeout"], found["Configuration"]["MemorySize"]) == (7, 256)
    assert (found["Configuration"]["State"], found["Configuration"]["Version"]) == ("Active", "$LATEST")
    assert found["Tags"] == {"team": "orders"}
    assert functions.get_function_configuration(FunctionName=PREFIX + "described")["RevisionId"] == made["RevisionId"]
    functions.get_waiter("function_active_v2").wait(FunctionName="described")


def test_function_runs(functions: "LambdaClient") -> None:
    create(functions, "echo", Environment={"Variables": {"BY": "me"}})

    answer = invoke(functions, "echo", {"order_id": "o-1"}, LogType="Tail")

    assert answer["StatusCode"] == 200
    assert answer["Payload"] == {"event": {"order_id": "o-1"}, "by": "me"}
    assert answer["ExecutedVersion"] == "$LATEST"
    assert "FunctionError" not in answer
    assert b"seen" in base64.b64decode(answer["LogResult"])


def test_error_of_a_function_is_an_answer(functions: "LambdaClient") -> None:
    create(functions, "fails", FAIL)

    answer = invoke(functions, "fails")

    assert (answer["StatusCode"], answer["FunctionError"]) == (200, "Unhandled")
    assert answer["Payload"]["errorType"] == "ValueError"
    assert answer["Payload"]["errorMessage"] == "no stock"


def test_event_is_accepted_and_dry_run_only_looks(functions: "LambdaClient") -> None:
    create(functions, "later")

    assert invoke(functions, "later", {}, InvocationType="Event")["StatusCode"] == 202
    assert invoke(functions, "later", {}, InvocationType="DryRun")["StatusCode"] == 204
    assert refused(lambda: invoke(functions, "nowhere", {}, InvocationType="DryRun")) == (
        "ResourceNotFoundException",
        404,
    )


def test_published_versions_stay_and_an_alias_moves(functions: "LambdaClient") -> None:
    first = create(functions, "released", Publish=True)
    functions.update_function_code(FunctionName="released", ZipFile=zipped(FAIL))
    second = functions.publish_version(FunctionName="released", Description="broken")
    functions.create_alias(FunctionName="released", Name="prod", FunctionVersion="1", Description="live")

    before = invoke(functions, "released:prod")
    functions.update_alias(FunctionName="released", Name="prod", FunctionVersion="2")
    after = invoke(functions, "released", Qualifier="prod")

    assert (first["Version"], second["Version"]) == ("1", "2")
    assert second["FunctionArn"] == PREFIX + "released:2"
    assert (before["ExecutedVersion"], after["ExecutedVersion"]) == ("1", "2")
    assert after["FunctionError"] == "Unhandled"
    versions = functions.list_versions_by_function(FunctionName="released")["Versions"]
    assert [version["Version"] for version in versions] == ["$LATEST", "1", "2"]
    assert refused(lambda: functions.delete_function(FunctionName="released", Qualifier="2"))[1] == 409


def test_publishing_what_did_not_change_gives_the_last_version(functions: "LambdaClient") -> None:
    create(functions, "unchanged")

    assert functions.publish_version(FunctionName="unchanged")["Version"] == "1"
    assert functions.publish_version(FunctionName="unchanged")["Version"] == "1"


def test_alias_has_weights(functions: "LambdaClient") -> None:
    create(functions, "weighted", Publish=True)
    functions.update_function_code(FunctionName="weighted", ZipFile=zipped(FAIL), Publish=True)
    weights: Any = {"AdditionalVersionWeights": {"2": 0.25}}

    made = functions.create_alias(FunctionName="weighted", Name="prod", FunctionVersion="1", RoutingConfig=weights)
    listed = functions.list_aliases(FunctionName="weighted", FunctionVersion="2")["Aliases"]
    functions.update_alias(FunctionName="weighted", Name="prod", RoutingConfig={"AdditionalVersionWeights": {}})

    assert made["RoutingConfig"] == weights
    assert made["AliasArn"] == PREFIX + "weighted:prod"
    assert [alias["Name"] for alias in listed] == ["prod"]
    assert "RoutingConfig" not in functions.get_alias(FunctionName="weighted", Name="prod")


def test_alias_goes(functions: "LambdaClient") -> None:
    create(functions, "unaliased", Publish=True)
    functions.create_alias(FunctionName="unaliased", Name="prod", FunctionVersion="1")

    functions.delete_alias(FunctionName="unaliased", Name="prod")

    assert refused(lambda: functions.get_alias(FunctionName="unaliased", Name="prod"))[1] == 404


def test_policy_of_an_alias_goes_with_the_alias_and_not_before(functions: "LambdaClient") -> None:
    create(functions, "guarded", Publish=True)
    functions.create_alias(FunctionName="guarded", Name="prod", FunctionVersion="1")
    functions.add_permission(
        FunctionName="guarded",
        Qualifier="prod",
        StatementId="sns",
        Action="lambda:InvokeFunction",
        Principal="sns.amazonaws.com",
    )

    assert refused(lambda: functions.delete_function(FunctionName="guarded", Qualifier="prod")) == (
        "InvalidParameterValueException",
        400,
    )
    assert functions.get_policy(FunctionName="guarded", Qualifier="prod")["Policy"]
    functions.delete_alias(FunctionName="guarded", Name="prod")
    functions.create_alias(FunctionName="guarded", Name="prod", FunctionVersion="1")

    assert refused(lambda: functions.get_policy(FunctionName="guarded", Qualifier="prod"))[1] == 404


def test_configuration_changes_only_where_asked(functions: "LambdaClient") -> None:
    create(functions, "configured", Timeout=7, Environment={"Variables": {"BY": "me"}})

    changed = functions.update_function_configuration(FunctionName="configured", MemorySize=512)

    assert (changed["Timeout"], changed["MemorySize"]) == (7, 512)
    assert changed["Environment"] == {"Variables": {"BY": "me"}}


def test_stale_revision_changes_nothing(functions: "LambdaClient") -> None:
    stale = create(functions, "revised")["RevisionId"]
    functions.update_function_configuration(FunctionName="revised", Timeout=9, RevisionId=stale)

    assert refused(
        lambda: functions.update_function_configuration(FunctionName="revised", Timeout=5, RevisionId=stale)
    ) == ("PreconditionFailedException", 412)
    assert functions.get_function_configuration(FunctionName="revised")["Timeout"] == 9


def test_functions_are_listed_in_pages(functions: "LambdaClient") -> None:
    for number in range(5):
        create(functions, f"listed-{number}")

    pages = functions.get_paginator("list_functions").paginate(PaginationConfig={"PageSize": 2})
    names = [function["FunctionName"] for page in pages for function in page["Functions"]]

    assert [name for name in names if name.startswith("listed-")] == [f"listed-{number}" for number in range(5)]
    assert len(names) == len(set(names))
    assert refused(lambda: functions.list_functions(Marker="forged"))[1] == 400


def test_deleted_function_is_gone_with_what_belongs_to_it(functions: "LambdaClient") -> None:
    create(functions, "deleted", Tags={"team": "orders"})
    functions.add_permission(
        FunctionName="deleted", StatementId="sns", Action="lambda:InvokeFunction", Principal="sns.amazonaws.com"
    )

    functions.delete_function(FunctionName="deleted")

    assert refused(lambda: functions.get_function(FunctionName="deleted")) == ("ResourceNotFoundException", 404)
    create(functions, "deleted")
    assert functions.list_tags(Resource=PREFIX + "deleted")["Tags"] == {}
    assert refused(lambda: functions.get_policy(FunctionName="deleted"))[1] == 404


def test_permissions_are_kept_and_shown(functions: "LambdaClient") -> None:
    create(functions, "permitted")
    topic = "arn:aws:sns:us-east-1:000000000000:orders"

    def allow() -> Any:
        return functions.add_permission(
            FunctionName="permitted",
            StatementId="sns",
            Action="lambda:InvokeFunction",
            Principal="sns.amazonaws.com",
            SourceArn=topic,
        )

    allow()
    statement = json.loads(functions.get_policy(FunctionName="permitted")["Policy"])["Statement"]

    assert statement == [
        {
            "Sid": "sns",
            "Effect": "Allow",
            "Principal": {"Service": "sns.amazonaws.com"},
            "Action": "lambda:InvokeFunction",
            "Resource": PREFIX + "permitted",
            "Condition": {"ArnLike": {"AWS:SourceArn": topic}},
        }
    ]
    assert refused(allow) == ("ResourceConflictException", 409)
    functions.remove_permission(FunctionName="permitted", StatementId="sns")
    assert refused(lambda: functions.remove_permission(FunctionName="permitted", StatementId="sns"))[1] == 404


def test_tags_change(functions: "LambdaClient") -> None:
    arn = create(functions, "tagged")["FunctionArn"]

    functions.tag_resource(Resource=arn, Tags={"a": "1", "b": "2"})
    functions.untag_resource(Resource=arn, TagKeys=["a"])

    assert functions.list_tags(Resource=arn)["Tags"] == {"b": "2"}


@pytest.mark.parametrize(
    ("more", "named"),
    [
        ({"Layers": ["arn:aws:lambda:us-east-1:000000000000:layer:x:1"]}, "Layers"),
        ({"VpcConfig": {"SubnetIds": ["subnet-1"], "SecurityGroupIds": ["sg-1"]}}, "VpcConfig"),
        ({"TracingConfig": {"Mode": "Active"}}, "TracingConfig"),
        ({"EphemeralStorage": {"Size": 1024}}, "EphemeralStorage"),
    ],
)
def test_what_would_have_no_effect_is_refused_by_name(
    functions: "LambdaClient", more: dict[str, Any], named: str
) -> None:
    with pytest.raises(ClientError, match=f"{named} .* is not supported") as caught:
        create(functions, "unsupported", **more)
    assert caught.value.response["Error"]["Code"] == "InvalidParameterValueException"


def test_defaults_of_what_has_no_effect_pass(functions: "LambdaClient") -> None:
    create(
        functions,
        "defaults",
        PackageType="Zip",
        TracingConfig={"Mode": "PassThrough"},
        VpcConfig={"SubnetIds": [], "SecurityGroupIds": []},
        EphemeralStorage={"Size": 512},
        Layers=[],
    )


def test_what_lambda_refuses_is_refused_by_its_name(functions: "LambdaClient") -> None:
    create(functions, "exists")

    assert refused(lambda: create(functions, "exists")) == ("ResourceConflictException", 409)
    assert refused(lambda: create(functions, "a" * 65))[1] == 400
    assert refused(lambda: create(functions, "a b")) == ("ValidationException", 400)
    assert refused(lambda: create(functions, "slow", Timeout=901))[1] == 400
    assert refused(
        lambda: functions.create_function(
            FunctionName="junk", Runtime="python3.11", Handler="a.b", Role=ROLE, Code={"ZipFile": b"not a zip archive"}
        )
    ) == ("InvalidParameterValueException", 400)
    assert refused(lambda: functions.invoke(FunctionName="exists", Payload=b"{not json")) == (
        "InvalidRequestContentException",
        400,
    )
    assert refused(lambda: functions.invoke(FunctionName="exists", Payload=b"1" * 6_400_000))[1] == 413
    assert refused(lambda: functions.list_layers()) == ("UnsupportedOperationException", 400)
