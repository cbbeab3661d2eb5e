"""The topics and subscriptions there are, in memory; the store has the same."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from expeditor.store.topics import DeadAddressRow
from expeditor.topics.errors import NotFoundError
from expeditor.topics.lane import Lane
from expeditor.topics.model import Subscription, Topic
from expeditor.topics.validation import check_arn


@dataclass(slots=True)
class TopicState:
    """A topic and the lanes of its subscriptions, oldest first."""

    topic: Topic
    lanes: list[Lane] = field(default_factory=list)

    def find(self, protocol: str, endpoint: str) -> Lane | None:
        """The lane of the endpoint's subscription, None when it has none."""
        for lane in self.lanes:
            if (lane.subscription.protocol, lane.subscription.endpoint) == (protocol, endpoint):
                return lane
        return None


class Catalog:
    """Topics by ARN and lanes by subscription ARN."""

    def __init__(self) -> None:
        self.states: dict[str, TopicState] = {}
        self.lanes: dict[str, Lane] = {}

    def topics(self) -> Sequence[Topic]:
        """All topics, by ARN."""
        return [self.states[arn].topic for arn in sorted(self.states)]

    def state(self, topic_arn: str) -> TopicState:
        """One topic. Raises NotFoundError."""
        check_arn("TopicArn", topic_arn)
        state = self.states.get(topic_arn)
        if state is None:
            raise NotFoundError("Topic does not exist")
        return state

    def subscriptions(self, topic_arn: str | None) -> Sequence[Subscription]:
        """All subscriptions, or those of one topic, oldest first. Raises NotFoundError."""
        lanes = self.lanes.values() if topic_arn is None else self.state(topic_arn).lanes
        return [lane.subscription for lane in lanes]

    def lane(self, subscription_arn: str) -> Lane:
        """The lane of one subscription. Raises NotFoundError."""
        check_arn("SubscriptionArn", subscription_arn)
        lane = self.lanes.get(subscription_arn)
        if lane is None:
            raise NotFoundError("Subscription does not exist")
        return lane

    def lane_for(self, letter: DeadAddressRow) -> Lane | None:
        """Where a dead letter goes: its subscription, or the one that took its place."""
        own = self.lanes.get(letter.subscription_arn)
        state = self.states.get(letter.topic_arn)
        return own or (None if state is None else state.find(letter.protocol, letter.endpoint))

    def add_lane(self, lane: Lane) -> None:
        """Adds a subscription to its topic, which is there."""
        self.lanes[lane.subscription.subscription_arn] = lane
        self.states[lane.subscription.topic_arn].lanes.append(lane)

    def close_lane(self, lane: Lane) -> None:
        """Takes a subscription out; nothing more is delivered to it."""
        lane.closed = True
        del self.lanes[lane.subscription.subscription_arn]
        self.states[lane.subscription.topic_arn].lanes.remove(lane)

    def remove_topic(self, topic_arn: str) -> None:
        """Takes a topic and its subscriptions out."""
        for lane in list(self.states[topic_arn].lanes):
            self.close_lane(lane)
        del self.states[topic_arn]
