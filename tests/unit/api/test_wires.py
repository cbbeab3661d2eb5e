"""What travels: REST-JSON paths and headers, query forms and XML, JSON answers, errors."""

from typing import Any
from xml.etree import ElementTree

import msgspec
import pytest

from expeditor.api.endpoints import _WIRES
from expeditor.api.errors import SerializationError, UnknownOperationError, ValidationError
from expeditor.api.json_protocol import JsonWire
from expeditor.api.model import load_model
from expeditor.api.protocol import HttpRequest, Params
from expeditor.api.query import QueryWire
from expeditor.api.rest_json import RestJsonWire, Routes
from expeditor.errors import ServiceError


class NotFoundError(ServiceError):
    code = "NotFoundException"


class MissingFunctionError(ServiceError):
    code = "ResourceNotFoundException"


def request(method: str, path: str, body: bytes = b"", query: str = "", **headers: str) -> HttpRequest:
    return HttpRequest(method, path, query, {name.replace("_", "-"): value for name, value in headers.items()}, body)


def read_form(operation: str, form: str) -> Params:
    return QueryWire(load_model("sns")).codec(operation).read(request("POST", "/", form.encode()))


def read_rest(operation: str, received: HttpRequest) -> Params:
    return RestJsonWire(load_model("lambda")).codec(operation).read(received)


@pytest.mark.parametrize("service", ["stepfunctions", "lambda", "sns"])
def test_every_operation_of_the_models_compiles(service: str) -> None:
    model = load_model(service)
    wire = _WIRES[model.metadata.protocol](model)

    for operation in model.operations:
        assert wire.codec(operation)


@pytest.mark.parametrize(
    ("method", "path", "query", "operation"),
    [
        ("POST", "/2015-03-31/functions", "", "CreateFunction"),
        ("GET", "/2015-03-31/functions/", "", "ListFunctions"),
        ("GET", "/2015-03-31/functions/charge", "Qualifier=2", "GetFunction"),
        ("POST", "/2015-03-31/functions/charge/invocations", "", "Invoke"),
        ("PUT", "/2015-03-31/functions/charge/aliases/prod", "", "UpdateAlias"),
        ("GET", "/2018-10-31/layers", "find=LayerVersion&Arn=x", "GetLayerVersionByArn"),
        ("GET", "/2018-10-31/layers", "MaxItems=1", "ListLayers"),
        (
            "GET",
            "/2019-09-30/functions/charge/provisioned-concurrency",
            "List=ALL",
            "ListProvisionedConcurrencyConfigs",
        ),
    ],
)
def test_method_and_path_name_an_operation(method: str, path: str, query: str, operation: str) -> None:
    assert Routes(load_model("lambda")).find(request(method, path, query=query)) == operation


@pytest.mark.parametrize(
    ("method", "path"),
    [("PATCH", "/2015-03-31/functions"), ("GET", "/2015-03-31/nothing"), ("GET", "/2015-03-31/functions/a/b/c/d")],
)
def test_other_paths_name_no_operation(method: str, path: str) -> None:
    with pytest.raises(UnknownOperationError, match=path):
        Routes(load_model("lambda")).find(request(method, path))


def test_parameters_come_from_path_query_headers_and_body() -> None:
    arn = "arn%3Aaws%3Alambda%3Aus-east-1%3A000000000000%3Afunction%3Acharge"
    received = request(
        "POST",
        f"/2015-03-31/functions/{arn}/invocations",
        b"\x00not looked at",
        query="Qualifier=prod",
        x_amz_invocation_type="Event",
    )

    assert read_rest("Invoke", received) == {
        "FunctionName": "arn:aws:lambda:us-east-1:000000000000:function:charge",
        "Qualifier": "prod",
        "InvocationType": "Event",
        "Payload": b"\x00not looked at",
    }


def test_code_package_arrives_as_bytes() -> None:
    body = {"Role": "arn:aws:iam::000000000000:role/r", "FunctionName": "f", "Code": {"ZipFile": b"PK"}}

    params = read_rest("CreateFunction", request("POST", "/2015-03-31/functions", msgspec.json.encode(body)))

    assert params["Code"] == {"ZipFile": b"PK"}


def test_problem_in_a_query_field_is_named_in_lower_case() -> None:
    with pytest.raises(ValidationError, match=r"Value '0' at 'maxItems' .* greater than or equal to 1"):
        read_rest("ListFunctions", request("GET", "/2015-03-31/functions", query="MaxItems=0"))
    with pytest.raises(SerializationError, match="STRING_VALUE can not be converted to an Integer"):
        read_rest("ListFunctions", request("GET", "/2015-03-31/functions", query="MaxItems=many"))


def test_answer_uses_status_headers_and_payload() -> None:
    codec = RestJsonWire(load_model("lambda")).codec("Invoke")

    response = codec.write({"StatusCode": 202, "Payload": b"{}", "FunctionError": "Unhandled"}, "id-1")

    assert response.status == 202
    assert dict(response.headers)["x-amz-function-error"] == "Unhandled"
    assert response.body == b"{}"


def test_deleted_has_no_body() -> None:
    response = RestJsonWire(load_model("lambda")).codec("DeleteAlias").write({}, "id-1")

    assert (response.status, response.body) == (204, b"")


def test_rest_error_has_the_status_of_its_shape() -> None:
    response = RestJsonWire(load_model("lambda")).write_error(MissingFunctionError("Function not found: x"), "id-1")

    assert response.status == 404
    assert dict(response.headers)["x-amzn-errortype"] == "ResourceNotFoundException"
    assert msgspec.json.decode(response.body) == {"Type": "User", "Message": "Function not found: x"}


def test_json_answer_drops_none_and_rounds_instants() -> None:
    codec = JsonWire(load_model("stepfunctions")).codec("StartExecution")

    body = codec.write({"executionArn": "arn", "startDate": 1.23456}, "id-1").body

    assert msgspec.json.decode(body) == {"executionArn": "arn", "startDate": 1.235}


def test_member_the_model_lacks_is_a_bug() -> None:
    with pytest.raises(KeyError):
        JsonWire(load_model("stepfunctions")).codec("StartExecution").write({"arn": "x"}, "id-1")


def test_form_becomes_lists_maps_and_structures() -> None:
    assert read_form(
        "Publish",
        "Action=Publish&TopicArn=t&Message=hello+world&MessageAttributes.entry.1.Name=city"
        "&MessageAttributes.entry.1.Value.DataType=String&MessageAttributes.entry.1.Value.StringValue=Berlin",
    ) == {
        "TopicArn": "t",
        "Message": "hello world",
        "MessageAttributes": {"city": {"DataType": "String", "StringValue": "Berlin"}},
    }


def test_form_entries_keep_their_numbers_order() -> None:
    fields = "&".join(
        f"PublishBatchRequestEntries.member.{n}.Id=i{n}&PublishBatchRequestEntries.member.{n}.Message=m{n}"
        for n in (2, 10, 1)
    )

    params = read_form("PublishBatch", f"Action=PublishBatch&TopicArn=t&{fields}")

    assert [entry["Id"] for entry in params["PublishBatchRequestEntries"]] == ["i1", "i2", "i10"]


@pytest.mark.parametrize(
    "form",
    [
        "TopicArn=t&Tags.member.x.Key=a",
        "TopicArn=t&TopicArn.member.1=a",
        "Tags.member=a&Tags.member.1.Key=b",
        "TopicArn=%FF",
        "&".join(f"a{n}=b" for n in range(3_000)),
    ],
)
def test_broken_form_cannot_be_read(form: str) -> None:
    with pytest.raises(SerializationError):
        read_form("TagResource", form)


def test_deep_names_do_not_nest_deeply() -> None:
    with pytest.raises(ValidationError):
        read_form("TagResource", "a." * 100_000 + "=1")


def xml(body: bytes) -> ElementTree.Element:
    return ElementTree.fromstring(body.replace(b' xmlns="http://sns.amazonaws.com/doc/2010-03-31/"', b""))


def write_xml(operation: str, answer: dict[str, Any]) -> ElementTree.Element:
    return xml(QueryWire(load_model("sns")).codec(operation).write(answer, "id-1").body)


def test_xml_answer_has_result_and_request_id() -> None:
    root = write_xml("CreateTopic", {"TopicArn": "arn:<&>"})

    assert root.tag == "CreateTopicResponse"
    assert root.findtext("CreateTopicResult/TopicArn") == "arn:<&>"
    assert root.findtext("ResponseMetadata/RequestId") == "id-1"


def test_xml_holds_lists_and_maps() -> None:
    root = write_xml("GetTopicAttributes", {"Attributes": {"Owner": "1", "Name": "a\x00b"}})
    topics = write_xml("ListTopics", {"Topics": [{"TopicArn": "a"}, {"TopicArn": "b"}], "NextToken": None})

    assert [entry.findtext("key") for entry in root.iter("entry")] == ["Owner", "Name"]
    assert root.findtext(".//entry[2]/value") == "a\ufffdb"
    assert [each.text for each in topics.iter("TopicArn")] == ["a", "b"]


def test_xml_error_has_the_wire_code() -> None:
    response = QueryWire(load_model("sns")).write_error(NotFoundError("Topic does not exist"), "id-1")

    assert response.status == 404
    assert xml(response.body).findtext("Error/Code") == "NotFound"
    assert xml(response.body).findtext("Error/Type") == "Sender"
