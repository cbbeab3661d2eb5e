"""The template, the state machine and the handlers belong together."""

import importlib
import json
import re
from pathlib import Path

import pytest

import order_processing
from expeditor.asl import compile_definition
from expeditor.node import application, template
from order_processing.stores.dynamodb_items import table_definition

PACKAGE = Path(order_processing.__file__).parent
NODE = {"ExpeditorHome": "/home/node", "ShopPort": "8080"}
DEFINITION = (PACKAGE / "order-processing.asl.json").read_text()
ARTICLE = (Path(__file__).parents[2] / "data" / "article.asl.json").read_text()


@pytest.fixture
def deployed() -> application.Application:
    return application.read_application(template.Template.read(PACKAGE / "template.yaml"), NODE)


def test_every_function_has_its_handler(deployed: application.Application) -> None:
    for function in deployed.functions:
        module, _, name = function.handler.rpartition(".")
        assert callable(getattr(importlib.import_module(module), name)), function.name
        assert module.rsplit(".", 1)[1].replace("_", "-") in function.name


BATCH = {
    "legacy-fraud-scan",
    "legacy-payment-authorization",
    "legacy-fulfilment",
    "resolve-unknown-payments",
    "reconcile-orders",
    "sweep-holds",
}


@pytest.mark.parametrize(
    ("parameters", "blocking"),
    [
        ({}, set()),
        ({"PaymentsGateway": "stripe"}, {"authorize-payments", "capture-payments", "release-order"}),
        ({"SmtpUrl": "smtp://127.0.0.1:25"}, {"send-confirmation"}),
    ],
)
def test_what_blocks_shares_no_process(parameters: dict[str, str], blocking: set[str]) -> None:
    deployed = application.read_application(template.Template.read(PACKAGE / "template.yaml"), NODE | parameters)

    alone = {each.name for each in deployed.functions if each.environment["EXPEDITOR_MAX_CONCURRENCY"] == "1"}
    assert alone == BATCH | blocking


def test_every_file_a_function_imports_is_part_of_its_artifact(deployed: application.Application) -> None:
    root, patterns = deployed.functions[0].code, deployed.functions[0].include
    packed = {path for pattern in patterns for path in root.glob(f"{pattern}/*" if pattern.endswith("**") else pattern)}

    for path in sorted(packed):
        if path.suffix == ".py":
            for module in re.findall(r"^\s*from (order_processing[\w.]*) import", path.read_text(), re.MULTILINE):
                wanted = root / module.replace(".", "/")
                files = {wanted.with_suffix(".py"), wanted / "__init__.py"}
                assert files & packed or path.stem.endswith("_server"), module
    assert not any("service" in path.relative_to(root).parts for path in packed)


def test_the_definition_uses_exactly_the_substitutions_the_template_gives(deployed: application.Application) -> None:
    (machine,) = deployed.machines

    assert machine.name == "order-processing-v1.0.0"
    assert set(re.findall(r"\$\{(\w+)\}", DEFINITION)) == set(machine.substitutions)


def test_the_definition_is_valid() -> None:
    compile_definition(re.sub(r"\$\{(\w+)\}", r"arn:aws:lambda:us-east-1:000000000000:function:\1:1", DEFINITION))


def test_the_article_s_own_definition_is_valid() -> None:
    compile_definition(ARTICLE)


def test_the_article_s_states_and_names_are_kept() -> None:
    article, ours = json.loads(ARTICLE)["States"], json.loads(DEFINITION)["States"]

    assert article.keys() <= ours.keys()
    for name, state in article.items():
        assert ours[name]["Type"] == state["Type"]
        assert ours[name].get("TimeoutSeconds") == state.get("TimeoutSeconds")
    assert ours["FraudOrderTerminal"]["Result"] == article["FraudOrderTerminal"]["Result"]
    assert "arn:aws:lambda:us-east-1:1234567890:function:start-order-processing:2" in ARTICLE


def test_every_task_is_retried_and_no_error_loses_an_order() -> None:
    for name, state in json.loads(DEFINITION)["States"].items():
        if state["Type"] == "Task":
            assert state["Retry"], name
            assert ["States.ALL"] in [catcher["ErrorEquals"] for catcher in state["Catch"]], name
            assert all(catcher["ResultPath"] == "$.error" for catcher in state["Catch"]), name


def test_every_choice_has_a_way_out() -> None:
    choices = [state for state in json.loads(DEFINITION)["States"].values() if state["Type"] == "Choice"]

    assert len(choices) == 4
    assert all(state["Default"] == "UnexpectedValue" for state in choices)


def test_the_table_of_the_template_is_the_one_the_store_needs() -> None:
    document = template.Template.read(PACKAGE / "template.yaml").document
    properties = document["Resources"]["OrdersTable"]["Properties"]
    needed = table_definition("orders")

    for part in ("BillingMode", "KeySchema", "AttributeDefinitions", "GlobalSecondaryIndexes"):
        assert properties[part] == needed[part]


def test_dead_letters_of_the_topic_have_a_queue(deployed: application.Application) -> None:
    (subscription,) = deployed.subscriptions

    assert subscription.endpoint.endswith(":function:order-notification-dispatcher:prod")
    assert deployed.queues[0] in subscription.attributes["RedrivePolicy"]
