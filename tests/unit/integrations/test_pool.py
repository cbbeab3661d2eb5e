"""The threads that calls are made on."""

import asyncio
import logging
import threading

import pytest

from expeditor.integrations import CallPool, Failed, Outcome, Succeeded

pytestmark = pytest.mark.anyio


def future() -> "asyncio.Future[Outcome]":
    return asyncio.get_running_loop().create_future()


async def test_outcome_is_reported_on_the_loop() -> None:
    pool, done = CallPool(threads=1), future()
    threads: list[int] = []

    def report(outcome: Outcome) -> None:
        threads.append(threading.get_ident())
        done.set_result(outcome)

    pool.submit(lambda: Succeeded(b"1"), report)

    assert await asyncio.wait_for(done, 5) == Succeeded(b"1")
    assert threads == [threading.get_ident()]
    pool.close()


async def test_dropped_call_that_waits_is_never_made() -> None:
    pool, last = CallPool(threads=1), future()
    go, made = threading.Event(), []

    def wait() -> Outcome:
        go.wait(5)
        return Succeeded(b"1")

    def make() -> Outcome:
        made.append(1)
        return Succeeded(b"2")

    reported: list[Outcome] = []
    drop_running = pool.submit(wait, reported.append)
    drop_waiting = pool.submit(make, reported.append)
    pool.submit(lambda: Succeeded(b"3"), last.set_result)
    assert drop_running is not None
    assert drop_waiting is not None
    drop_running()
    drop_waiting()
    go.set()

    assert await asyncio.wait_for(last, 5) == Succeeded(b"3")
    assert reported == made == []
    pool.close()


async def test_more_calls_than_may_wait_are_refused() -> None:
    pool, go = CallPool(threads=1, waiting_max=1), threading.Event()

    def wait() -> Outcome:
        go.wait(5)
        return Succeeded(b"1")

    first, second, refused = future(), future(), []
    pool.submit(wait, first.set_result)
    pool.submit(wait, second.set_result)
    pool.submit(wait, refused.append)
    go.set()
    await asyncio.wait_for(asyncio.gather(first, second), 5)

    assert [outcome.error for outcome in refused] == ["States.Runtime"]
    assert "2 calls are waiting" in refused[0].cause
    pool.close()


async def test_bug_in_a_call_fails_its_task_and_not_the_thread(caplog: pytest.LogCaptureFixture) -> None:
    pool, broken, good = CallPool(threads=1), future(), future()
    with caplog.at_level(logging.CRITICAL):
        pool.submit(lambda: 1 / 0, broken.set_result)  # type: ignore[arg-type,return-value]
        pool.submit(lambda: Succeeded(b"1"), good.set_result)

        assert await asyncio.wait_for(broken, 5) == Failed(
            "States.Runtime", "The call could not be made: division by zero"
        )
        assert await asyncio.wait_for(good, 5) == Succeeded(b"1")
    pool.close()


async def test_closed_pool_makes_no_calls() -> None:
    pool, reported = CallPool(threads=1), []
    pool.close()
    pool.submit(lambda: Succeeded(b"1"), reported.append)

    assert [type(outcome) for outcome in reported] == [Failed]


async def test_calls_run_side_by_side_up_to_the_number_of_threads() -> None:
    pool, barrier = CallPool(threads=3), threading.Barrier(3)

    def meet() -> Outcome:
        barrier.wait(5)
        return Succeeded(b"1")

    futures = [future() for _ in range(3)]
    for each in futures:
        pool.submit(meet, each.set_result)

    assert await asyncio.wait_for(asyncio.gather(*futures), 5) == [Succeeded(b"1")] * 3
    pool.close()
