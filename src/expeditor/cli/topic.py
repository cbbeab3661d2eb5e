"""``expeditor topic``: topics and how their deliveries stand."""

import click

from expeditor.cli.clients import aws, operator, told_plainly
from expeditor.cli.output import output_option, say, show_rows


@click.group()
def command() -> None:
    """Publish to topics and see how deliveries stand."""


@command.command("list")
@output_option
def list_(output: str) -> None:
    """List the topics."""
    with told_plainly():
        pages = aws("sns").get_paginator("list_topics").paginate()
        rows = [topic for page in pages for topic in page["Topics"]]
    show_rows(rows, ("TopicArn",), output)


@command.command()
@click.argument("topic_arn")
@click.argument("message")
def publish(topic_arn: str, message: str) -> None:
    """Publish MESSAGE; prints its id once it is on disk."""
    with told_plainly():
        answer = aws("sns").publish(TopicArn=topic_arn, Message=message)
    click.echo(answer["MessageId"])


@command.command()
@output_option
def stats(output: str) -> None:
    """Show each subscription: messages waiting and in flight, age of the oldest, delivered, failed."""
    rows = operator().get("subscriptions")
    columns = (
        "subscription",
        "endpoint",
        "waiting",
        "in_flight",
        "oldest_age_seconds",
        "delivered",
        "failed",
        "paused",
    )
    show_rows(rows, columns, output)


@command.command()
@click.argument("subscription_arn")
def pause(subscription_arn: str) -> None:
    """Hold back the deliveries of a subscription; messages wait and nothing is lost."""
    operator().post("subscriptions/pause", {"subscription": subscription_arn})
    say(f"paused {subscription_arn}; `expeditor topic resume` lets messages go again")


@command.command()
@click.argument("subscription_arn")
def resume(subscription_arn: str) -> None:
    """Let the deliveries of a subscription go again."""
    operator().post("subscriptions/resume", {"subscription": subscription_arn})
    say(f"resumed {subscription_arn}")
