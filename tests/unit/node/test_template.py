"""A template becomes an application, or a refusal that names line and reason."""

import re
from pathlib import Path

import pytest

from expeditor.node.application import Application, read_application
from expeditor.node.template import Template, TemplateError

WHOLE = """
Transform: AWS::Serverless-2016-10-31
Parameters:
  Mail: {Type: String, Default: /tmp/mail}
Conditions:
  OnAws: !Equals [!Ref AWS::AccountId, "123456789012"]
Globals:
  Function:
    Timeout: 30
    AutoPublishAlias: prod
    Environment: {Variables: {MAIL: !Ref Mail}}
Metadata:
  Expeditor:
    Artifact: {Include: ["app/**"]}
    Services:
      shop: {Command: [python, -m, shop], Port: 8080, PortVariable: SHOP_PORT, HealthPath: /healthz}
Resources:
  Orders: {Type: AWS::SNS::Topic, Properties: {TopicName: orders}}
  Dead: {Type: AWS::SQS::Queue, Properties: {QueueName: dead}}
  Table: {Type: AWS::DynamoDB::Table, Condition: OnAws}
  Dispatch:
    Type: AWS::Serverless::Function
    Properties:
      FunctionName: dispatch
      Handler: app.dispatch.handler
      CodeUri: .
      Environment: {Variables: {TOPIC: !Sub "${Orders}/x", MACHINE: !Ref Machine}}
      Events:
        Hourly: {Type: ScheduleV2, Properties: {ScheduleExpression: rate(1 hour)}}
  Subscription:
    Type: AWS::SNS::Subscription
    Properties:
      TopicArn: !Ref Orders
      Protocol: lambda
      Endpoint: !Ref Dispatch.Alias
      RedrivePolicy: {deadLetterTargetArn: !GetAtt Dead.Arn}
  Machine:
    Type: AWS::Serverless::StateMachine
    Properties: {Name: flow-v1.0.0, DefinitionUri: flow.asl.json, DefinitionSubstitutions: {D: !Ref Dispatch.Version}}
"""


def read(tmp_path: Path, text: str) -> Application:
    (tmp_path / "flow.asl.json").write_text("{}")
    (tmp_path / "template.yaml").write_text(text)
    return read_application(Template.read(tmp_path / "template.yaml"), {"Mail": "/var/mail"})


def refusal(tmp_path: Path, text: str) -> str:
    with pytest.raises(TemplateError) as caught:
        read(tmp_path, text)
    return str(caught.value)


def test_a_function_takes_globals_parameters_and_references(tmp_path: Path) -> None:
    (function,) = read(tmp_path, WHOLE).functions

    assert (function.name, function.timeout_seconds, function.alias) == ("dispatch", 30, "prod")
    assert function.include == ("app/**",)
    assert function.environment == {
        "MAIL": "/var/mail",
        "TOPIC": "arn:aws:sns:us-east-1:000000000000:orders/x",
        "MACHINE": "arn:aws:states:us-east-1:000000000000:stateMachine:flow-v1.0.0",
    }


def test_events_go_to_the_alias_so_that_a_roll_back_moves_them(tmp_path: Path) -> None:
    application = read(tmp_path, WHOLE)

    alias = "arn:aws:lambda:us-east-1:000000000000:function:dispatch:prod"
    assert application.subscriptions[0].endpoint == alias
    assert application.schedules[0].function == alias


def test_what_is_only_for_aws_is_left_out(tmp_path: Path) -> None:
    application = read(tmp_path, WHOLE)

    assert application.topics == ["orders"]
    assert application.queues == ["dead"]
    assert application.services[0].command == ("python", "-m", "shop")


def test_an_unknown_resource_type_is_refused_with_its_line(tmp_path: Path) -> None:
    message = refusal(tmp_path, "Resources:\n  Cache:\n    Type: AWS::ElastiCache::CacheCluster\n")

    assert "template.yaml:3: the node cannot run AWS::ElastiCache::CacheCluster" in message


def test_an_unknown_name_is_refused_with_its_line(tmp_path: Path) -> None:
    text = "Resources:\n  T:\n    Type: AWS::SNS::Topic\n    Properties:\n      TopicName: !Ref Nothing\n"

    assert "template.yaml:5: nothing is called 'Nothing'" in refusal(tmp_path, text)


def test_an_intrinsic_function_the_node_lacks_is_refused_by_name(tmp_path: Path) -> None:
    text = "Resources:\n  T:\n    Type: AWS::SNS::Topic\n    Properties:\n      TopicName: !ImportValue x\n"

    assert "Fn::ImportValue is not supported" in refusal(tmp_path, text)


def test_broken_yaml_is_refused_with_its_line(tmp_path: Path) -> None:
    assert "template.yaml:2: not YAML" in refusal(tmp_path, "Resources: [\n")


def test_a_template_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "template.yaml").write_bytes(b"Resources: \xff\x00")

    with pytest.raises(TemplateError, match=r"template.yaml:1: not YAML"):
        Template.read(tmp_path / "template.yaml")


@pytest.mark.parametrize(
    ("right", "wrong", "line", "reason"),
    [
        ("      Handler: app.dispatch.handler\n", "", 21, "Resources/Dispatch lacks 'Handler'"),
        ("Properties: {TopicName: orders}", "Properties:", 18, "Resources/Orders is not written as it should be"),
        ("    Timeout: 30\n", "    Timeout: soon\n", 21, "invalid literal for int.*soon"),
        ("Parameters:\n  Mail: {Type: String, Default: /tmp/mail}\n", "Parameters:\n", 3, "Parameters is not written"),
        ("Port: 8080,", "Port: web,", 12, "Metadata is not written as it should be .*web"),
        ('!Sub "${Orders}/x"', "!Sub []", 21, "Resources/Dispatch is not written"),
    ],
)
def test_what_is_missing_or_of_another_kind_is_refused_with_its_line(
    tmp_path: Path, right: str, wrong: str, line: int, reason: str
) -> None:
    assert right in WHOLE

    message = refusal(tmp_path, WHOLE.replace(right, wrong, 1))

    assert re.search(reason, message), message
    assert f"template.yaml:{line}: " in message


def test_a_missing_template_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(TemplateError, match="name a template"):
        Template.read(tmp_path / "none.yaml")
