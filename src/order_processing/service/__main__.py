"""``python -m order_processing.service``: the order service, until SIGTERM or until whoever started it ends."""

import asyncio
import logging
import os
import sys
from collections.abc import Mapping

import uvloop

from order_processing.errors import OrderProcessingError
from order_processing.gateways import remote_operations
from order_processing.operations import TASKS, make_secret, open_services
from order_processing.service.process import run
from order_processing.service.settings import Settings
from order_processing.service.sns import SnsPublisher
from order_processing.serving import end_with_parent
from order_processing.stores import SqliteOrderStore, seed


def main(environment: Mapping[str, str]) -> None:
    """Starts the service; returns once it has ended cleanly.

    Raises:
        OrderProcessingError, OSError: it cannot start like this.
    """
    end_with_parent()
    settings = Settings.of(environment)
    remote_operations(environment, TASKS)  # of use to the functions alone, but nobody reads what those say at start
    make_secret(settings.voucher_key_file)
    make_secret(settings.operator_token_file)
    store = SqliteOrderStore(settings.orders_db)
    if settings.demo_catalogue:
        seed(store)
    services = open_services(environment, store)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run(services, store, settings, lambda: SnsPublisher.connect(settings.topic_arn)))


if __name__ == "__main__":
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s", level=logging.WARNING)
    try:
        main(os.environ)
    except (OrderProcessingError, OSError) as error:
        sys.exit(f"the order service cannot start: {error}")
