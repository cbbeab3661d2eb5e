"""Step Functions' operations on activities, and what their workers call."""

from expeditor.api.protocol import Answer, Call, Operation, Operations
from expeditor.api.stepfunctions.arns import check_arn
from expeditor.api.stepfunctions.configurations import check_encryption
from expeditor.api.stepfunctions.pages import items_wanted, position_of, token_of
from expeditor.executions import Activities, Activity


class ActivityOperations:
    """Create, describe, list, delete, get a task."""

    def __init__(self, activities: Activities) -> None:
        self._activities = activities

    def table(self) -> Operations:
        """The operations by name."""
        return {
            "CreateActivity": Operation(self._create, missing="keys of one's own"),
            "DescribeActivity": Operation(self._describe),
            "ListActivities": Operation(self._list),
            "DeleteActivity": Operation(self._delete),
            "GetActivityTask": Operation(self._get_task, waits=True),
        }

    async def _create(self, call: Call) -> Answer:
        check_encryption(call.params)
        tags = {tag["key"]: tag.get("value", "") for tag in call.params.get("tags", ()) if "key" in tag}
        made = await self._activities.create(call.params["name"], tags)
        return {"activityArn": made.arn, "creationDate": made.created_at}

    async def _describe(self, call: Call) -> Answer:
        found = self._activities.describe(check_arn(call.params["activityArn"], "activity"))
        return {**_shown(found), "encryptionConfiguration": {"type": "AWS_OWNED_KEY"}}

    async def _list(self, call: Call) -> Answer:
        wanted = items_wanted(call.params)
        found = self._activities.list(position_of(call.params) or "", wanted + 1)
        more = len(found) > wanted
        return {
            "activities": [_shown(activity) for activity in found[:wanted]],
            "nextToken": token_of(found[wanted - 1].name) if more else None,
        }

    async def _delete(self, call: Call) -> Answer:
        await self._activities.delete(check_arn(call.params["activityArn"], "activity"))
        return {}

    async def _get_task(self, call: Call) -> Answer:
        arn = check_arn(call.params["activityArn"], "activity")
        task = await self._activities.get_task(arn, call.params.get("workerName"))
        return {} if task is None else {"taskToken": task.token, "input": task.input.decode()}


def _shown(activity: Activity) -> Answer:
    return {"activityArn": activity.arn, "name": activity.name, "creationDate": activity.created_at}
