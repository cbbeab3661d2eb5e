"""The order service as a process: what it is made of, in which order it starts and ends."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from order_processing.gateways import StepFunctionsExecutions
from order_processing.operations import Services, last_report, notification_of
from order_processing.service.app import OrderServiceApp, api_routes, operator_routes, page_routes
from order_processing.service.callbacks import StepFunctionsCallbacks, TaskCallbacks
from order_processing.service.control_api import ControlApi
from order_processing.service.desks import open_desks
from order_processing.service.feed import OrderFeed
from order_processing.service.metrics import Metrics, VoucherTimes
from order_processing.service.operator_api import OperatorApi
from order_processing.service.operators import Operators
from order_processing.service.orders_api import OrdersApi
from order_processing.service.pages import Pages
from order_processing.service.payments_api import PaymentsApi
from order_processing.service.placing import Placing
from order_processing.service.reconcile_api import ReconcileApi
from order_processing.service.relay import Publisher, Relay
from order_processing.service.router import Router
from order_processing.service.sessions import Seal
from order_processing.service.settings import Settings
from order_processing.service.shop_api import ShopApi
from order_processing.service.sweep import Sweep
from order_processing.service.upkeep_api import UpkeepApi
from order_processing.service.wallet import Wallet
from order_processing.service.webhook_api import WebhookApi
from order_processing.serving import bind, serve
from order_processing.stores import SqliteOrderStore

MEASURE_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class OrderService:
    """The parts that live as long as the process."""

    app: OrderServiceApp
    feed: OrderFeed
    relay: Relay
    sweep: Sweep
    voucher_times: VoucherTimes


def assemble(
    services: Services,
    store: SqliteOrderStore,
    settings: Settings,
    connect: Callable[[], Publisher],
    callbacks: TaskCallbacks | None = None,
) -> OrderService:
    """Puts the parts together; nothing runs yet. Belongs to the running event loop.

    Args:
        store: that of *services*, as the process that writes it knows it.
        connect: makes the publisher of notifications.
        callbacks: continues executions that wait; None: those of Step Functions.
    """
    feed = OrderFeed(store.order)
    relay = Relay(store, connect, services.clock, services.ids)
    metrics = Metrics(relay.figures, services.clock)
    metrics.watch_report(lambda: last_report(services))
    voucher_times = VoucherTimes(metrics.to_voucher)
    store.listen(feed.changed)
    store.listen(voucher_times.changed)
    placing = Placing(services, metrics, relay.wake)
    pages = Pages(services.clock, services.voucher_secret)
    wallet = Wallet(services, pages)
    rooms = (
        OrdersApi(services, placing, feed, pages),
        ShopApi(store, placing, pages, wallet, services.ids),
        UpkeepApi(store, pages, metrics),
    )
    seal = Seal(services.voucher_secret, "operator")
    operators = Operators(settings.operator_token_file.read_bytes(), seal, services.clock)
    operator = OperatorApi(services, operators)
    desks = open_desks(services, settings, pages, operators, callbacks or StepFunctionsCallbacks())
    executions = StepFunctionsExecutions(settings.machine_arn)
    router = Router(
        (
            *api_routes(*rooms, desks.vouchers),
            *page_routes(*rooms, wallet),
            *operator_routes(operator),
            *ControlApi(services, operators, executions, relay.wake).routes,
            *ReconcileApi(services, operators, executions).routes,
            *PaymentsApi(services, operators).routes,
            *WebhookApi(services, settings.stripe_secret_file).routes,
            *desks.routes,
        )
    )
    app = OrderServiceApp(router, settings.hosts, pages.problem)
    sweep = Sweep(store, notification_of, services.clock, settings.sweep_seconds)
    return OrderService(app, feed, relay, sweep, voucher_times)


async def run(
    services: Services, store: SqliteOrderStore, settings: Settings, connect: Callable[[], Publisher]
) -> None:
    """Serves until SIGTERM. Requests end first, then the relay, then the store."""
    service = assemble(services, store, settings, connect)
    listener = bind(settings.port)
    store.serve(settings.orders_socket)

    def listening() -> None:
        print(f"order service listens on http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
        service.relay.start()

    async with _background(service, settings):
        await serve(service.app, listener, listening, service.feed.close)
    await asyncio.to_thread(service.relay.close)
    await asyncio.to_thread(store.close)


@contextlib.asynccontextmanager
async def _background(service: OrderService, settings: Settings) -> AsyncIterator[None]:
    """What goes on beside the requests; cancelled when the block ends."""
    tasks = [
        asyncio.create_task(_sweep(service, settings.sweep_seconds / 2)),
        asyncio.create_task(_measure(service.voucher_times)),
    ]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _sweep(service: OrderService, pause: float) -> None:
    while True:
        await asyncio.sleep(pause)
        if await asyncio.to_thread(service.sweep.try_round):
            service.relay.wake()


async def _measure(times: VoucherTimes) -> None:
    while True:
        waiting = times.measure()
        await asyncio.sleep(0 if waiting else MEASURE_SECONDS)
