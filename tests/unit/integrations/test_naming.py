"""Names as the AWS SDK for Java spells them."""

import pytest

from expeditor.integrations.endpoints import Endpoints, NoEndpointError, endpoint_variable
from expeditor.integrations.naming import exception_name, pascal, service_prefix


@pytest.mark.parametrize(
    ("name", "spelled"),
    [
        ("queueUrl", "QueueUrl"),
        ("MD5OfMessageBody", "Md5OfMessageBody"),
        ("BOOL", "Bool"),
        ("NULL", "Nul"),
        ("SS", "Ss"),
        ("ARN", "Arn"),
        ("ETag", "ETag"),
        ("SSEKMSKeyId", "SsekmsKeyId"),
        ("VersionId", "VersionId"),
        ("DBInstanceIdentifier", "DbInstanceIdentifier"),
        ("equals", "EqualsValue"),
    ],
)
def test_members_are_spelled_as_java_spells_them(name: str, spelled: str) -> None:
    assert pascal(name) == spelled


@pytest.mark.parametrize(
    ("service_id", "prefix"),
    [
        ("SFN", "Sfn"),
        ("DynamoDB", "DynamoDb"),
        ("CloudWatch Logs", "CloudWatchLogs"),
        ("EventBridge", "EventBridge"),
        ("SQS", "Sqs"),
        ("S3", "S3"),
        ("Secrets Manager", "SecretsManager"),
        ("IoTAnalytics", "IoTAnalytics"),
        ("Directory Service", "Directory"),
        ("ACM PCA", "AcmPca"),
    ],
)
def test_error_names_begin_as_the_developer_guide_lists_them(service_id: str, prefix: str) -> None:
    assert service_prefix(service_id) == prefix


@pytest.mark.parametrize(
    ("shape", "name"),
    [
        ("InvalidToken", "InvalidTokenException"),
        ("ResourceNotFoundException", "ResourceNotFoundException"),
        ("InternalServerError", "InternalServerErrorException"),
        ("ClusterNotFoundFault", "ClusterNotFoundException"),
    ],
)
def test_every_error_is_an_exception(shape: str, name: str) -> None:
    assert exception_name(shape) == name


def test_endpoint_variables_are_the_sdks() -> None:
    assert endpoint_variable("CloudWatch Logs") == "AWS_ENDPOINT_URL_CLOUDWATCH_LOGS"


def test_endpoint_of_the_service_wins_then_the_nodes_own_then_the_one_for_all() -> None:
    endpoints = Endpoints(
        {
            "AWS_ENDPOINT_URL": "http://all:1",
            "AWS_ENDPOINT_URL_SQS": "http://sqs:2",
            "AWS_ENDPOINT_URL_SNS": "http://sns:3",
        },
        own_url="http://own:4",
    )

    assert [endpoints.url(each) for each in ("SQS", "SNS", "SFN", "Lambda", "S3")] == [
        "http://sqs:2",
        "http://sns:3",
        "http://own:4",
        "http://own:4",
        "http://all:1",
    ]


@pytest.mark.parametrize("shared", ["http://own:4", "http://own:4/"])
def test_nodes_own_address_is_no_address_for_services_it_has_not(shared: str) -> None:
    endpoints = Endpoints({"AWS_ENDPOINT_URL": shared}, own_url="http://own:4")

    with pytest.raises(NoEndpointError, match="AWS_ENDPOINT_URL_DYNAMODB=http://host:port"):
        endpoints.url("DynamoDB")
    assert not endpoints.has_elsewhere("SNS")


@pytest.mark.parametrize("url", ["127.0.0.1:8000", "ftp://a", "http://", "http://[::1", "http://a:99999"])
def test_address_that_is_none_is_refused_with_its_variable(url: str) -> None:
    with pytest.raises(NoEndpointError, match="AWS_ENDPOINT_URL_SQS is"):
        Endpoints({"AWS_ENDPOINT_URL_SQS": url}).url("SQS")
