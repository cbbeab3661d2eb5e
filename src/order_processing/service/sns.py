"""Notifications on their way to an SNS topic, on AWS or on the embedded node: whatever ``AWS_ENDPOINT_URL`` says."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from order_processing.gateways import aws_client
from order_processing.service.relay import PublishError
from order_processing.stores import Notification

if TYPE_CHECKING:
    from mypy_boto3_sns import SNSClient
    from mypy_boto3_sns.type_defs import MessageAttributeValueTypeDef, PublishBatchRequestEntryTypeDef

CONNECT_SECONDS_MAX = 2.0
READ_SECONDS_MAX = 10.0
ATTRIBUTES = ("kind", "city", "pipeline")
"""Members of the notification's body that become message attributes, for filter policies."""


class SnsPublisher:
    """Publishes in batches over one kept connection; retrying is the relay's."""

    def __init__(self, client: "SNSClient", topic_arn: str) -> None:
        self._client = client
        self._topic_arn = topic_arn

    @classmethod
    def connect(cls, topic_arn: str) -> "SnsPublisher":
        """Region, credentials and endpoint come from boto3's own settings.

        boto3 is imported here, off the start-up path: it costs more than everything else together.

        Raises:
            PublishError: those settings do not suffice.
        """
        from botocore.config import Config
        from botocore.exceptions import BotoCoreError

        config = Config(
            connect_timeout=CONNECT_SECONDS_MAX,
            read_timeout=READ_SECONDS_MAX,
            retries={"total_max_attempts": 1},
            tcp_keepalive=True,
            parameter_validation=False,  # of what is put together here, which SNS checks as well
        )
        try:
            return cls(aws_client("sns", config), topic_arn)
        except BotoCoreError as error:
            raise PublishError(f"SNS cannot be used: {error}") from error

    def publish(self, batch: Sequence[Notification]) -> frozenset[Notification]:
        """See Publisher."""
        from botocore.exceptions import BotoCoreError, ClientError

        entries = [_entry(str(at), notification) for at, notification in enumerate(batch)]
        try:
            answer = self._client.publish_batch(TopicArn=self._topic_arn, PublishBatchRequestEntries=entries)
        except (BotoCoreError, ClientError) as error:
            raise PublishError(
                f"{len(batch)} notifications could not be published to {self._topic_arn}: {error}"
            ) from error
        return frozenset(batch[int(taken["Id"])] for taken in answer.get("Successful", ()))

    def close(self) -> None:
        """Ends the connection."""
        self._client.close()


def _entry(entry_id: str, notification: Notification) -> "PublishBatchRequestEntryTypeDef":
    return {"Id": entry_id, "Message": notification.body, "MessageAttributes": _attributes(notification.body)}


def _attributes(body: str) -> "dict[str, MessageAttributeValueTypeDef]":
    members = msgspec.json.decode(body)
    return {
        name: {"DataType": "String", "StringValue": members[name]}
        for name in ATTRIBUTES
        if isinstance(members.get(name), str)
    }
