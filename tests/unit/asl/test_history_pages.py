"""A page of a history keeps its data, as far as that fits; the rest keeps names and links."""

from expeditor.asl import HistoryEvent, HistoryPage, without_data


def event(number: int, size: int = 10) -> HistoryEvent:
    return HistoryEvent(number, number - 1, 0.0, "T", {"stateEnteredEventDetails": {"name": "A", "input": "x" * size}})


def collected(page: HistoryPage, count: int) -> HistoryPage:
    for number in range(1, count + 1):
        page.append(event(number))
    return page


def with_data(page: HistoryPage) -> list[int]:
    return [one.id for one in page if one == event(one.id)]


def test_all_events_are_there_but_only_the_page_has_data() -> None:
    page = collected(HistoryPage(3, 5), 9)

    assert [one.id for one in page] == list(range(1, 10))
    assert with_data(page) == [3, 4, 5] == [one.id for one in page.page]
    assert page[0] == without_data(event(1))
    assert page[0].details == {"stateEnteredEventDetails": {"name": "A"}}


def test_page_ends_with_the_event_that_no_longer_fits() -> None:
    page = collected(HistoryPage(3, 8, bytes_max=25), 9)

    assert [one.id for one in page.page] == with_data(page) == [3, 4, 5]


def test_page_of_the_newest_events_gives_up_the_oldest() -> None:
    page = collected(HistoryPage(3, 8, newest_first=True, bytes_max=25), 9)

    assert [one.id for one in page.page] == with_data(page) == [7, 8]


def test_page_has_one_event_however_large() -> None:
    for newest_first in (False, True):
        page = collected(HistoryPage(2, 4, newest_first=newest_first, bytes_max=0), 6)

        assert len(page.page) == len(with_data(page)) == 1
