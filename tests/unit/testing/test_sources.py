"""Where a template keeps the definition of its state machine."""

from pathlib import Path

import pytest

from expeditor.testing import MachineTestError, load_machine

FUNCTION = "  Price: {Type: AWS::Lambda::Function, Properties: {FunctionName: price-of}}"
START = '{"StartAt": "A", "States": {"A": {"Type": "Task", "Resource": "${%s}", "End": true}}}'


def template(folder: Path, *properties: str) -> str:
    lines = ["Resources:", FUNCTION, "  M:", "    Type: AWS::StepFunctions::StateMachine", "    Properties:"]
    folder.joinpath("template.yaml").write_text("\n".join([*lines, *(f"      {line}" for line in properties)]))
    return "template.yaml#M"


@pytest.mark.parametrize(
    "properties",
    [
        (f"DefinitionString: '{START % 'P'}'", "DefinitionSubstitutions: {P: !GetAtt Price.Arn}"),
        (f"DefinitionString: !Sub '{START % 'Price.Arn'}'",),
    ],
)
def test_definition_may_be_text_in_the_template(tmp_path: Path, properties: tuple[str, ...]) -> None:
    machine = load_machine(template(tmp_path, *properties), [str(tmp_path)])
    machine.mock("price-of", result=2)

    machine.run().assert_succeeded(2)


@pytest.mark.parametrize(
    "line",
    [
        "DefinitionS3Location: {Bucket: b, Key: k}",
        "DefinitionUri: absent.asl.json",
        "DefinitionUri: {Bucket: b}",
        "DefinitionString: !Join ['', [a]]",
    ],
)
def test_definition_that_is_elsewhere_says_where_it_may_be(tmp_path: Path, line: str) -> None:
    name = template(tmp_path, line)

    with pytest.raises(MachineTestError, match=r"template\.yaml#M has no definition that can be read here"):
        load_machine(name, [tmp_path])


def test_definition_that_is_not_json_is_named(tmp_path: Path) -> None:
    name = template(tmp_path, "DefinitionString: '{'")

    with pytest.raises(MachineTestError, match=r"template\.yaml#M is not JSON"):
        load_machine(name, [tmp_path])
