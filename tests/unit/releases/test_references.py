"""What a definition names, in whatever way a Task may name it."""

import pytest

from expeditor.payloads import JSONValue
from expeditor.releases.references import Named, named_in

ARN = "arn:aws:lambda:eu-west-1:123456789012:function"
PAY3 = Named(frozenset({("pay", "3")}))


def task(**fields: JSONValue) -> JSONValue:
    return {"StartAt": "Pay", "States": {"Pay": {"Type": "Task", **fields}}}


@pytest.mark.parametrize(
    ("definition", "named"),
    [
        (task(Resource=f"{ARN}:pay:3"), PAY3),
        (task(Arguments={"FunctionName": f"{ARN}:pay:3"}), PAY3),
        (task(Parameters={"FunctionName": "pay", "Qualifier": "3"}), PAY3),
        (task(Parameters={"FunctionName": "pay:3"}), PAY3),
        (task(Parameters={"FunctionName": "function:pay:3"}), PAY3),
        (task(Parameters={"Payload": {"next": [f"call {ARN}:pay:3 then"]}}), PAY3),
        (task(Arguments={"to": f"{{% '{ARN}:pay:3' %}}"}), PAY3),
        (task(Parameters={"FunctionName": "pay", "Qualifier.$": "$.version"}), Named(functions=frozenset({"pay"}))),
        (task(Arguments={"FunctionName": "pay", "Qualifier": "{% $v %}"}), Named(functions=frozenset({"pay"}))),
        (task(Parameters={"FunctionName.$": "$.function"}), Named(is_open=True)),
        (task(Arguments={"FunctionName": "{% $fn %}"}), Named(is_open=True)),
        (task(Parameters={"FunctionName": "not a name"}), Named(is_open=True)),
        (task(Parameters={"FunctionName": {"odd": 1}}), Named()),
        (task(Resource=f"{ARN}:pay"), Named()),
        (task(Resource=f"{ARN}:pay:3rd"), Named()),
        (task(Resource="arn:aws:states:::lambda:invoke"), Named()),
    ],
)
def test_versions_are_found_wherever_they_are_named(definition: JSONValue, named: Named) -> None:
    assert named_in(definition) == named


def test_an_alias_is_named_as_it_is_and_does_no_harm() -> None:
    assert named_in(task(Parameters={"FunctionName": "pay:prod"})).versions == {("pay", "prod")}
