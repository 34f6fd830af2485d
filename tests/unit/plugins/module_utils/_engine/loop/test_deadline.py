# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import time

import pytest
from ansible_collections.courier.filedrop.plugins.module_utils._engine.errors import FiledropError, RunEnded
from ansible_collections.courier.filedrop.plugins.module_utils._engine.loop import deadline as deadline_module
from ansible_collections.courier.filedrop.plugins.module_utils._engine.loop.deadline import Deadline, Interruption
from ansible_collections.courier.filedrop.plugins.module_utils._engine.loop.loop import Future, Loop


class Silent:
    """A source that owes an answer for ever."""

    pending = 1

    def __init__(self) -> None:
        self.waits: list[float | None] = []

    def poll(self, timeout: float | None) -> bool:
        self.waits.append(timeout)
        time.sleep(min(0.02, timeout or 0.0))
        return False


def test_without_a_limit_nothing_ever_ends() -> None:
    source = Silent()
    deadline = Deadline(None)
    deadline.check()
    assert deadline.watch(source) is source


def test_no_file_is_begun_after_the_limit() -> None:
    deadline = Deadline(0.01)
    deadline.check()
    time.sleep(0.02)
    with pytest.raises(RunEnded, match=r"its time limit of 0\.01 s") as caught:
        deadline.check()
    assert caught.value.reason == "time_limit"


def test_files_under_way_have_a_time_of_grace_and_then_tidy_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deadline_module, "GRACE", 0.05)
    source, deadline = Silent(), Deadline(0.05)
    tidied: list[str] = []

    async def transfer() -> None:
        try:
            await Future[None]()
        except FiledropError:
            tidied.append("took it for its own trouble")
        except BaseException:
            tidied.append("tidied up")
            raise

    began = time.monotonic()
    with pytest.raises(Interruption) as caught:
        Loop(deadline.watch(source)).run(transfer())
    assert 0.1 <= time.monotonic() - began < 5
    assert caught.value.error.reason == "time_limit"
    assert tidied == ["tidied up"]


def test_a_source_is_never_waited_for_longer_than_there_is_time() -> None:
    source = Silent()
    watched = Deadline(1).watch(source)
    assert watched.pending == 1
    watched.poll(None)
    watched.poll(0.001)
    assert source.waits[0] is not None
    assert source.waits[0] <= 1 + deadline_module.GRACE
    assert source.waits[1] == 0.001
