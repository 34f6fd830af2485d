# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import gc
import itertools
from collections import deque
from collections.abc import Coroutine, Iterator
from types import SimpleNamespace
from typing import Any, Callable

import pytest
from ansible_collections.courier.filedrop.plugins.module_utils._engine.loop import loop
from ansible_collections.courier.filedrop.plugins.module_utils._engine.loop.loop import (
    Batch,
    Future,
    Loop,
    done_future,
    gather,
)


class Memory:
    """A source in memory: answers what it was asked, one answer a poll, in the order of asking or backwards.

    :ivar polls: the time limits that it was polled with.
    """

    def __init__(self, *, backwards: bool = False) -> None:
        self.asked: deque[tuple[Future[Any], Any]] = deque()
        self.polls: list[float | None] = []
        self.at_poll: Callable[[], object] = lambda: None
        self._backwards = backwards

    @property
    def pending(self) -> int:
        return len(self.asked)

    def ask(self, value: Any) -> Future[Any]:
        answer: Future[Any] = Future()
        self.asked.append((answer, value))
        return answer

    def poll(self, timeout: float | None) -> bool:
        self.polls.append(timeout)
        self.at_poll()
        if not self.asked:
            return False
        answer, value = self.asked.pop() if self._backwards else self.asked.popleft()
        if isinstance(value, BaseException):
            answer.set_exception(value)
        else:
            answer.set_result(value)
        return True


class Silent(Memory):
    """Owes what it was asked, and does not answer."""

    def poll(self, timeout: float | None) -> bool:
        self.polls.append(timeout)
        self.at_poll()
        return False


class Together(Batch):
    """Settles all that wait with how many they are."""

    def __init__(self) -> None:
        super().__init__()
        self.waiting: list[Future[int]] = []
        self.sizes: list[int] = []
        self.at_run: Callable[[], object] = lambda: None

    def join(self) -> Future[int]:
        answer: Future[int] = Future()
        self.waiting.append(answer)
        self._joined()
        return answer

    def _run(self) -> None:
        self.at_run()
        waiting, self.waiting = self.waiting, []
        self.sizes.append(len(waiting))
        for answer in waiting:
            answer.set_result(len(waiting))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time by which a flow goes, in seconds; it stands still until a test moves it."""
    now = [100.0]
    monkeypatch.setattr(loop, "time", SimpleNamespace(monotonic=lambda: now[0]))
    return now


# --- one coroutine


def test_a_coroutine_gets_its_answers_and_returns_its_value() -> None:
    source = Memory()

    async def add() -> int:
        return int(await source.ask(1)) + int(await source.ask(2))

    assert Loop(source).run(add()) == 3
    assert source.polls == [None, None]


def test_gather_waits_for_all_futures_before_it_raises_the_first_error() -> None:
    source = Memory()
    futures: list[Future[int]] = [Future() for _future in range(3)]
    ended: list[str] = []

    async def wait_for_all() -> None:
        try:
            await gather(futures)
        except LookupError as error:
            ended.append(str(error))

    async def set_one_after_the_other() -> None:
        futures[2].set_exception(LookupError("third"))
        await source.ask(1)
        futures[1].set_exception(LookupError("second"))
        await source.ask(2)
        assert ended == []
        futures[0].set_result(1)

    async def both() -> None:
        await loop_.each(lambda work: work(), [wait_for_all, set_one_after_the_other], width=2)

    loop_ = Loop(source)
    loop_.run(both())
    assert ended == ["second"]


def test_gather_of_nothing_is_done() -> None:
    async def wait() -> bool:
        await gather([])
        return True

    assert Loop(Memory()).run(wait())


def test_what_is_known_already_is_not_waited_for() -> None:
    source = Memory()

    async def ask() -> int:
        return await done_future(4)

    assert Loop(source).run(ask()) == 4
    assert source.polls == []


def test_several_questions_leave_before_the_first_answer_is_awaited() -> None:
    source = Memory(backwards=True)

    async def ask() -> list[int]:
        answers = [source.ask(number) for number in range(3)]
        assert source.pending == 3
        return [await answer for answer in answers]

    assert Loop(source).run(ask()) == [0, 1, 2]
    assert len(source.polls) == 3


def test_an_error_is_raised_where_it_is_awaited_and_can_be_dealt_with() -> None:
    source = Memory()

    async def ask() -> str:
        try:
            await source.ask(LookupError("no"))
        except LookupError as error:
            return f"{error}, {await source.ask('never mind')}"
        return "?"

    assert Loop(source).run(ask()) == "no, never mind"


def test_an_error_of_the_coroutine_is_the_error_of_the_run() -> None:
    source = Memory()

    async def fail() -> None:
        await source.ask(1)
        raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        Loop(source).run(fail())


def test_an_error_may_be_thrown_again_by_everybody_who_gets_it() -> None:
    source = Memory()
    lost = ConnectionError("lost")

    async def ask(_item: int) -> None:
        await source.ask(lost)

    driver = Loop(source)
    with pytest.raises(ConnectionError) as caught:
        driver.run(driver.each(ask, range(5), width=5))
    assert caught.value is lost


def test_nobody_is_waited_for_once_the_coroutine_has_ended() -> None:
    source = Silent()

    async def ask_and_go() -> str:
        source.ask(None)
        return "done"

    assert Loop(source).run(ask_and_go()) == "done"
    assert source.polls == []


# --- many of them


@pytest.mark.parametrize("width", [1, 2, 3, 7, 100])
@pytest.mark.parametrize("backwards", [False, True])
def test_items_are_begun_in_their_order_and_never_more_at_once_than_the_width(width: int, backwards: bool) -> None:
    source = Memory(backwards=backwards)
    begun: list[int] = []
    ended: list[int] = []
    most = 0

    async def work(item: int) -> None:
        nonlocal most
        begun.append(item)
        most = max(most, len(begun) - len(ended))
        for _step in range(item % 3 + 1):
            await source.ask(None)
        ended.append(item)

    driver = Loop(source)
    driver.run(driver.each(work, range(20), width=width))
    assert begun == list(range(20))
    assert sorted(ended) == list(range(20))
    assert most == min(width, 20)


def test_nothing_to_do_is_done_at_once() -> None:
    source = Memory()
    driver = Loop(source)
    driver.run(driver.each(lambda _item: source.ask(1), [], width=5))
    assert source.polls == []


def test_those_under_way_go_on_before_others_begin() -> None:
    source = Memory()
    moved: list[str] = []

    async def work(item: int) -> None:
        moved.append(f"{item} begins")
        await source.ask(None)
        moved.append(f"{item} goes on")

    driver = Loop(source)
    driver.run(driver.each(work, range(loop.SLICE + 2), width=100))
    assert moved[loop.SLICE :][:2] == ["0 goes on", f"{loop.SLICE} begins"]


def test_items_are_taken_only_when_their_turn_has_come() -> None:
    source = Memory()
    taken: list[int] = []
    ended: list[int] = []

    def items() -> Iterator[int]:
        for number in range(10):
            taken.append(number)
            assert len(taken) - len(ended) <= 3
            yield number

    async def work(item: int) -> None:
        await source.ask(item)
        ended.append(item)

    driver = Loop(source)
    driver.run(driver.each(work, items(), width=3))
    assert ended == taken == list(range(10))


def test_one_round_follows_another() -> None:
    source = Memory()
    done: list[str] = []
    driver = Loop(source)

    async def work(item: str) -> None:
        await source.ask(None)
        done.append(item)

    async def rounds() -> None:
        await driver.each(work, "ab", width=5)
        await driver.each(work, "cd", width=5)

    driver.run(rounds())
    assert done == ["a", "b", "c", "d"]


def test_those_under_way_end_when_another_has_failed_and_the_first_error_is_raised() -> None:
    source = Memory()
    ended: list[int] = []

    async def work(item: int) -> None:
        await source.ask(None)
        if item in (1, 2):
            raise LookupError(item)
        await source.ask(None)
        await source.ask(None)
        ended.append(item)

    driver = Loop(source)
    with pytest.raises(LookupError) as caught:
        driver.run(driver.each(work, range(4), width=4))
    assert caught.value.args == (1,)
    assert ended == [0, 3]


@pytest.mark.parametrize("bad", [0, 2, 3, 5])
def test_nothing_new_is_begun_after_the_first_error(bad: int) -> None:
    source = Memory()
    begun: list[int] = []
    failed: list[int] = []

    async def work(item: int) -> None:
        begun.append(item)
        assert not failed
        await source.ask(None)
        if item == bad:
            failed.append(item)
            raise LookupError

    driver = Loop(source)
    with pytest.raises(LookupError):
        driver.run(driver.each(work, itertools.count(), width=3))
    assert begun == list(range(bad + 3))


def test_what_has_not_begun_when_another_fails_does_not_begin() -> None:
    source = Memory()
    begun: list[int] = []

    async def work(item: int) -> None:
        begun.append(item)
        await source.ask(None)
        raise LookupError

    driver = Loop(source)
    with pytest.raises(LookupError):
        driver.run(driver.each(work, range(1000), width=500))
    assert begun == list(range(loop.SLICE))


def test_an_error_before_the_first_answer_begins_nothing_else() -> None:
    source = Memory()
    begun: list[int] = []

    async def work(item: int) -> None:
        begun.append(item)
        if item == 0:
            raise LookupError
        await source.ask(None)

    driver = Loop(source)
    with pytest.raises(LookupError):
        driver.run(driver.each(work, range(100), width=1))
    assert begun == [0]


# --- batches


def test_a_batch_serves_all_that_wait_once_nobody_else_can_move() -> None:
    source, batch = Memory(), Together()

    async def work(_item: int) -> None:
        assert await batch.join() == 10

    driver = Loop(source, [batch])
    driver.run(driver.each(work, range(10), width=10))
    assert batch.sizes == [10]
    assert source.polls == []


def test_two_batches_that_lead_to_each_other_take_turns() -> None:
    first, second = Together(), Together()

    async def work(_item: int) -> None:
        await first.join()
        await second.join()
        await first.join()

    driver = Loop(Memory(), [first, second])
    driver.run(driver.each(work, range(4), width=4))
    assert (first.sizes, second.sizes) == ([4, 4], [4])


def test_a_batch_waits_for_company_while_more_wait_for_answers(clock: list[float]) -> None:
    """And what is asked has left before the batch is done, so that the other side is not idle meanwhile."""
    source, batch = Memory(), Together()
    owed: list[tuple[int, int]] = []
    batch.at_run = lambda: owed.append((source.pending, len(batch.waiting)))

    async def work(item: int) -> None:
        for _step in range(item):
            await source.ask(None)
        await batch.join()

    driver = Loop(source, [batch])
    driver.run(driver.each(work, range(6), width=6))
    assert batch.sizes == [3, 2, 1]
    assert all(pending <= joined for pending, joined in owed)
    assert all(limit is None or 0 <= limit <= loop.LONGEST_PATIENCE for limit in source.polls)
    assert 0.0 in source.polls


def test_a_batch_is_not_put_off_for_longer_than_its_patience(clock: list[float]) -> None:
    source, batch = Memory(), Together()
    answered = 0

    def pass_time() -> None:
        nonlocal answered
        answered += 1
        clock[0] += loop.SHORTEST_PATIENCE / 4

    source.at_poll = pass_time

    async def wait() -> int:
        await batch.join()
        return answered

    async def chatter() -> None:
        for _answer in range(100):
            for answer in [source.ask(None) for _request in range(3)]:
                await answer

    waited: list[int] = []

    async def work(item: Callable[[], Coroutine[Any, Any, Any]]) -> None:
        waited.append(await item())

    driver = Loop(source, [batch])
    driver.run(driver.each(work, [wait, chatter], width=2))
    assert 3 <= waited[0] <= 5
    assert batch.sizes == [1]


def test_a_batch_does_not_wait_for_a_source_that_has_nothing_to_say() -> None:
    source, batch = Silent(), Together()

    async def work(item: int) -> None:
        await (batch.join() if item else source.ask(None))

    def answer_after_the_batch() -> None:
        if batch.sizes:
            source.asked.popleft()[0].set_result(None)

    source.at_poll = answer_after_the_batch
    driver = Loop(source, [batch])
    driver.run(driver.each(work, range(3), width=3))
    assert batch.sizes == [2]
    assert None not in source.polls[:1]


@pytest.mark.parametrize(("cost", "patience"), [(0.0, 0.005), (0.001, 0.005), (0.005, 0.02), (3.0, 0.05)])
def test_what_costs_more_waits_longer_for_company(clock: list[float], cost: float, patience: float) -> None:
    batch = Together()
    assert batch.due is None
    batch.join()
    assert batch.due == pytest.approx(100.0 + loop.SHORTEST_PATIENCE)
    batch.at_run = lambda: clock.__setitem__(0, clock[0] + cost)
    batch.run()
    assert batch.due is None
    batch.join()
    clock[0] += 0.001
    batch.join()
    assert batch.due == pytest.approx(100.0 + cost + patience)


def test_an_error_of_the_batch_itself_ends_the_run_and_lets_everybody_clean_up() -> None:
    batch = Together()
    cleaned: list[int] = []

    def fail() -> None:
        raise MemoryError

    batch.at_run = fail

    async def work(item: int) -> None:
        try:
            await batch.join()
        finally:
            cleaned.append(item)

    driver = Loop(Memory(), [batch])
    with pytest.raises(MemoryError):
        driver.run(driver.each(work, range(3), width=3))
    assert sorted(cleaned) == [0, 1, 2]


# --- interruptions


def interrupt() -> None:
    raise KeyboardInterrupt


def test_an_interrupted_run_lets_every_coroutine_clean_up() -> None:
    source = Silent()
    source.at_poll = interrupt
    cleaned: list[tuple[int, type[BaseException]]] = []

    async def inner(item: int) -> None:
        try:
            await source.ask(None)
        except BaseException as error:
            cleaned.append((item, type(error)))
            raise

    async def work(item: int) -> None:
        await inner(item)

    driver = Loop(source)
    with pytest.raises(KeyboardInterrupt):
        driver.run(driver.each(work, range(5), width=3))
    assert sorted(cleaned) == [(number, KeyboardInterrupt) for number in range(3)]


def test_a_coroutine_that_is_interrupted_itself_takes_the_others_with_it() -> None:
    source = Memory()
    cleaned: list[int] = []

    async def work(item: int) -> None:
        try:
            await source.ask(None)
            if item == 1:
                interrupt()
            await source.ask(None)
        finally:
            cleaned.append(item)

    driver = Loop(source)
    with pytest.raises(KeyboardInterrupt):
        driver.run(driver.each(work, range(3), width=3))
    assert sorted(cleaned) == [0, 1, 2]


@pytest.mark.filterwarnings("error")
def test_a_coroutine_that_insists_on_going_on_is_left_where_it_is() -> None:
    source = Silent()
    source.at_poll = interrupt
    steps: list[str] = []

    async def stubborn() -> None:
        try:
            await source.ask(None)
        finally:
            steps.append("cleaning up")
            await source.ask(None)
            steps.append("never")

    with pytest.raises(KeyboardInterrupt):
        Loop(source).run(stubborn())
    gc.collect()
    assert steps == ["cleaning up"]


@pytest.mark.filterwarnings("error")
def test_what_stands_behind_an_answer_that_comes_no_more_is_cleaned_up_too() -> None:
    """A download closes its handle on the server first, and the part that is here after that."""
    source = Silent()
    source.at_poll = interrupt
    steps: list[str] = []

    async def download() -> None:
        try:
            await source.ask(None)
        finally:
            steps.append("closing")
            await source.ask(None)

    async def fetch() -> None:
        try:
            await download()
        except BaseException:
            steps.append("discarded")
            raise

    with pytest.raises(KeyboardInterrupt):
        Loop(source).run(fetch())
    assert steps == ["closing", "discarded"]


def test_another_error_while_cleaning_up_does_not_keep_the_rest_from_it() -> None:
    source = Silent()
    source.at_poll = interrupt
    cleaned: list[int] = []

    async def work(item: int) -> None:
        try:
            await source.ask(None)
        finally:
            cleaned.append(item)
            if item == 1:
                raise LookupError

    driver = Loop(source)
    with pytest.raises(KeyboardInterrupt):
        driver.run(driver.each(work, range(3), width=3))
    assert sorted(cleaned) == [0, 1, 2]


def test_a_source_that_breaks_ends_the_run() -> None:
    source = Silent()

    def broken() -> None:
        raise OSError("broken")

    source.at_poll = broken
    cleaned: list[int] = []

    async def work(item: int) -> None:
        try:
            await source.ask(None)
        finally:
            cleaned.append(item)

    driver = Loop(source)
    with pytest.raises(OSError, match="broken"):
        driver.run(driver.each(work, range(3), width=2))
    assert sorted(cleaned) == [0, 1]


def test_to_wait_for_what_nobody_owes_is_an_error_and_not_for_ever() -> None:
    cleaned: list[str] = []

    async def wait() -> None:
        try:
            await Future()
        finally:
            cleaned.append("up")

    with pytest.raises(RuntimeError, match="nothing will set"):
        Loop(Memory(), [Together()]).run(wait())
    assert cleaned == ["up"]


def test_a_flow_can_be_used_again_after_an_interruption() -> None:
    source = Memory()
    source.at_poll = interrupt
    driver = Loop(source)

    async def ask() -> int:
        return int(await source.ask(7))

    with pytest.raises(KeyboardInterrupt):
        driver.run(ask())
    source.at_poll = lambda: None
    source.asked.clear()
    assert driver.run(ask()) == 7
