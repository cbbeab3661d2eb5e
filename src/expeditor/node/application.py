"""What a template declares, as values the node can run."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from expeditor.node.template import Template
from expeditor.payloads import encode
from expeditor.settings import ACCOUNT, REGION

_GLOBAL = frozenset({"iam"})


@dataclass(frozen=True, slots=True)
class FunctionResource:
    """An ``AWS::Serverless::Function``.

    Attributes:
        code: directory its artifact is taken from; *include* are the patterns of what belongs to it.
        alias: alias that follows the newest version, else None.
    """

    logical_id: str
    name: str
    handler: str
    code: Path
    include: tuple[str, ...]
    timeout_seconds: int
    memory_mb: int
    runtime: str
    environment: Mapping[str, str]
    alias: str | None
    description: str


@dataclass(frozen=True, slots=True)
class SubscriptionResource:
    """A function that receives what a topic gets."""

    topic_arn: str
    endpoint: str
    attributes: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class StateMachineResource:
    """An ``AWS::Serverless::StateMachine``; its substitutions are resolved when the function versions are known."""

    logical_id: str
    name: str
    type: str
    role_arn: str
    definition: str
    substitutions: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ScheduleResource:
    """A function called at certain times."""

    name: str
    expression: str
    timezone: str
    function: str
    input: str
    enabled: bool


@dataclass(frozen=True, slots=True)
class ServiceResource:
    """A long-running process of the application, as named in ``Metadata.Expeditor.Services``.

    Attributes:
        port_variable: environment variable that tells it its port.
        health_path: answers 200 when it is ready.
    """

    name: str
    command: tuple[str, ...]
    port: int
    port_variable: str
    health_path: str
    environment: Mapping[str, str]


@dataclass(slots=True)
class Application:
    """Everything a template declares that this node runs."""

    template: Template
    values: dict[str, str]
    functions: list[FunctionResource] = field(default_factory=list)
    topics: list[str] = field(default_factory=list)
    queues: list[str] = field(default_factory=list)
    subscriptions: list[SubscriptionResource] = field(default_factory=list)
    machines: list[StateMachineResource] = field(default_factory=list)
    schedules: list[ScheduleResource] = field(default_factory=list)
    services: list[ServiceResource] = field(default_factory=list)


def read_application(template: Template, parameters: Mapping[str, str]) -> Application:
    """The application of *template*.

    Args:
        parameters: values for the template's ``Parameters``; those not declared there are ignored.

    Raises:
        TemplateError: a resource type, property or intrinsic function that the node cannot run, with line and reason.
    """
    with template.reading(("Parameters",)):
        values = _pseudo_parameters() | _parameters(template, parameters)
    resources: dict[str, Mapping[str, Any]] = {}
    for logical_id, resource in template.document["Resources"].items():
        with template.reading(("Resources", str(logical_id))):
            if _is_wanted(template, logical_id, resource, values):
                resources[logical_id] = resource
    for logical_id, resource in resources.items():
        with template.reading(("Resources", logical_id)):
            values |= _names(template, logical_id, resource, values)
    application = Application(template, values)
    for logical_id, resource in resources.items():
        with template.reading(("Resources", logical_id)):
            _BUILDERS[resource["Type"]](application, logical_id, resource)
    with template.reading(("Metadata",)):
        application.services = _services(template, values)
    return application


def arn(service: str, rest: str) -> str:
    """An ARN of this node's account, and of its region unless the service is global."""
    return f"arn:aws:{service}:{'' if service in _GLOBAL else REGION}:{ACCOUNT}:{rest}"


def _pseudo_parameters() -> dict[str, str]:
    return {"AWS::AccountId": ACCOUNT, "AWS::Region": REGION, "AWS::Partition": "aws", "AWS::StackName": "expeditor"}


def _parameters(template: Template, given: Mapping[str, str]) -> dict[str, str]:
    values = {}
    for name, declaration in template.document.get("Parameters", {}).items():
        if name not in given and "Default" not in declaration:
            raise template.refuse(("Parameters", name), f"parameter {name} has no default and no value was given")
        values[name] = str(given.get(name, declaration.get("Default")))
    return values


def _is_wanted(template: Template, logical_id: str, resource: Mapping[str, Any], values: Mapping[str, str]) -> bool:
    where = ("Resources", logical_id)
    if "Condition" in resource and not template.condition(resource["Condition"], values):
        return False
    kind = resource.get("Type")
    if kind not in _BUILDERS:
        known = ", ".join(sorted(_BUILDERS))
        raise template.refuse((*where, "Type"), f"the node cannot run {kind}; it runs {known}")
    return True


def _names(
    template: Template, logical_id: str, resource: Mapping[str, Any], values: Mapping[str, str]
) -> dict[str, str]:
    """What ``Ref`` and ``GetAtt`` give for a resource, all known before anything is created."""
    kind = resource["Type"]
    properties = resource.get("Properties", {})
    name_property = _NAME_PROPERTIES.get(kind, "")
    where = ("Resources", logical_id, "Properties", name_property)
    name = str(template.resolve(properties.get(name_property, logical_id), values, where))
    if kind == "AWS::Serverless::Function":
        function_arn = arn("lambda", f"function:{name}")
        alias = properties.get("AutoPublishAlias") or _globals(template).get("AutoPublishAlias")
        own = {logical_id: name, f"{logical_id}.Arn": function_arn}
        return own | ({f"{logical_id}.Alias": f"{function_arn}:{alias}"} if alias else {})
    if kind == "AWS::SNS::Topic":
        topic_arn = arn("sns", name)
        return {logical_id: topic_arn, f"{logical_id}.TopicArn": topic_arn, f"{logical_id}.TopicName": name}
    if kind == "AWS::SQS::Queue":
        return {logical_id: name, f"{logical_id}.Arn": arn("sqs", name), f"{logical_id}.QueueName": name}
    if kind == "AWS::Serverless::StateMachine":
        machine_arn = arn("states", f"stateMachine:{name}")
        return {logical_id: machine_arn, f"{logical_id}.Arn": machine_arn, f"{logical_id}.Name": name}
    return {logical_id: name, f"{logical_id}.Arn": arn("iam", f"role/{name}")}


_NAME_PROPERTIES = {
    "AWS::Serverless::Function": "FunctionName",
    "AWS::SNS::Topic": "TopicName",
    "AWS::SQS::Queue": "QueueName",
    "AWS::Serverless::StateMachine": "Name",
    "AWS::IAM::Role": "RoleName",
    "AWS::Scheduler::Schedule": "Name",
}


def _globals(template: Template) -> Mapping[str, Any]:
    functions: Mapping[str, Any] = template.document.get("Globals", {}).get("Function", {})
    return functions


def _function(application: Application, logical_id: str, resource: Mapping[str, Any]) -> None:
    template, values = application.template, application.values
    where = ("Resources", logical_id, "Properties")
    shared = _globals(template)
    properties = template.resolve({**shared, **resource["Properties"]}, values, where)
    environment = {
        **template.resolve(shared.get("Environment", {}).get("Variables", {}), values, where),
        **properties.get("Environment", {}).get("Variables", {}),
    }
    artifact = template.document.get("Metadata", {}).get("Expeditor", {}).get("Artifact", {})
    own_artifact = resource.get("Metadata", {}).get("Expeditor", {}).get("Artifact", artifact)
    application.functions.append(
        FunctionResource(
            logical_id=logical_id,
            name=values[logical_id],
            handler=properties["Handler"],
            code=(template.path.parent / properties.get("CodeUri", ".")).resolve(),
            include=tuple(own_artifact.get("Include", ("**",))),
            timeout_seconds=int(properties.get("Timeout", 3)),
            memory_mb=int(properties.get("MemorySize", 128)),
            runtime=properties.get("Runtime", "python3.11"),
            environment={key: str(value) for key, value in environment.items()},
            alias=properties.get("AutoPublishAlias"),
            description=properties.get("Description", ""),
        )
    )
    for name, event in properties.get("Events", {}).items():
        builder = _EVENT_BUILDERS.get(event["Type"])
        if builder is None:
            known = ", ".join(sorted(_EVENT_BUILDERS))
            raise template.refuse(
                (*where, "Events", name), f"the node has no events of type {event['Type']}, only {known}"
            )
        builder(application, logical_id, name, event["Properties"])


def _target(application: Application, logical_id: str) -> str:
    """Where events for a function go: its alias when it has one, so that a roll back moves them too."""
    return application.values.get(f"{logical_id}.Alias", application.values[f"{logical_id}.Arn"])


def _sns_event(application: Application, logical_id: str, _name: str, properties: Mapping[str, Any]) -> None:
    attributes = {key: _json_text(properties[key]) for key in ("FilterPolicy", "RedrivePolicy") if key in properties}
    application.subscriptions.append(
        SubscriptionResource(properties["Topic"], _target(application, logical_id), attributes)
    )


def _schedule_event(application: Application, logical_id: str, name: str, properties: Mapping[str, Any]) -> None:
    application.schedules.append(
        ScheduleResource(
            name=str(properties.get("Name", f"{logical_id}{name}")),
            expression=str(properties.get("ScheduleExpression", properties.get("Schedule"))),
            timezone=str(properties.get("ScheduleExpressionTimezone", "UTC")),
            function=_target(application, logical_id),
            input=str(properties.get("Input", "{}")),
            enabled=str(properties.get("State", "ENABLED")) == "ENABLED" and bool(properties.get("Enabled", True)),
        )
    )


_EVENT_BUILDERS: Mapping[str, Callable[[Application, str, str, Mapping[str, Any]], None]] = {
    "SNS": _sns_event,
    "Schedule": _schedule_event,
    "ScheduleV2": _schedule_event,
}


def _topic(application: Application, logical_id: str, _resource: Mapping[str, Any]) -> None:
    application.topics.append(application.values[f"{logical_id}.TopicName"])


def _queue(application: Application, logical_id: str, _resource: Mapping[str, Any]) -> None:
    application.queues.append(application.values[logical_id])


def _subscription(application: Application, logical_id: str, resource: Mapping[str, Any]) -> None:
    template = application.template
    where = ("Resources", logical_id, "Properties")
    properties = template.resolve(resource["Properties"], application.values, where)
    if properties["Protocol"] != "lambda":
        raise template.refuse((*where, "Protocol"), f"the node delivers to lambda, not to {properties['Protocol']}")
    names = ("FilterPolicy", "FilterPolicyScope", "RedrivePolicy", "RawMessageDelivery", "DeliveryPolicy")
    attributes = {name: _json_text(properties[name]) for name in names if name in properties}
    application.subscriptions.append(SubscriptionResource(properties["TopicArn"], properties["Endpoint"], attributes))


def _machine(application: Application, logical_id: str, resource: Mapping[str, Any]) -> None:
    template, values = application.template, application.values
    where = ("Resources", logical_id, "Properties")
    properties = resource["Properties"]
    if "DefinitionUri" not in properties:
        raise template.refuse(where, "a state machine needs DefinitionUri, a file beside the template")
    path = template.path.parent / str(properties["DefinitionUri"])
    if not path.is_file():
        raise template.refuse((*where, "DefinitionUri"), f"there is no file {path}")
    role = template.resolve(properties.get("Role", arn("iam", f"role/{logical_id}")), values, where)
    application.machines.append(
        StateMachineResource(
            logical_id=logical_id,
            name=values[f"{logical_id}.Name"],
            type=str(properties.get("Type", "STANDARD")),
            role_arn=str(role),
            definition=path.read_text(),
            substitutions=properties.get("DefinitionSubstitutions", {}),
        )
    )


def _nothing_to_run(_application: Application, _logical_id: str, _resource: Mapping[str, Any]) -> None:
    """Permissions mean something on AWS only; on the node every function of the template may call every other."""


_BUILDERS: Mapping[str, Callable[[Application, str, Mapping[str, Any]], None]] = {
    "AWS::Serverless::Function": _function,
    "AWS::Serverless::StateMachine": _machine,
    "AWS::SNS::Topic": _topic,
    "AWS::SNS::Subscription": _subscription,
    "AWS::SQS::Queue": _queue,
    "AWS::IAM::Role": _nothing_to_run,
    "AWS::Lambda::Permission": _nothing_to_run,
    "AWS::SQS::QueuePolicy": _nothing_to_run,
}


def _services(template: Template, values: Mapping[str, str]) -> list[ServiceResource]:
    where = ("Metadata", "Expeditor", "Services")
    declared = template.document.get("Metadata", {}).get("Expeditor", {}).get("Services", {})
    services = []
    for name, properties in template.resolve(declared, values, where).items():
        missing = {"Command", "Port", "PortVariable", "HealthPath"} - properties.keys()
        if missing:
            raise template.refuse((*where, name), f"service {name} lacks {', '.join(sorted(missing))}")
        services.append(
            ServiceResource(
                name=name,
                command=tuple(map(str, properties["Command"])),
                port=int(properties["Port"]),
                port_variable=properties["PortVariable"],
                health_path=properties["HealthPath"],
                environment={key: str(value) for key, value in properties.get("Environment", {}).items()},
            )
        )
    return services


def _json_text(value: Any) -> str:
    return value if isinstance(value, str) else encode(value).decode()
