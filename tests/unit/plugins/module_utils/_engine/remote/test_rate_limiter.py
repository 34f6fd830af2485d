# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from ansible_collections.courier.filedrop.plugins.module_utils._engine.errors import ConnectionLost
from ansible_collections.courier.filedrop.plugins.module_utils._engine.loop.loop import Loop
from ansible_collections.courier.filedrop.plugins.module_utils._engine.remote import rate_limiter as module
from ansible_collections.courier.filedrop.plugins.module_utils._engine.remote.rate_limiter import RateLimiter
from ansible_collections.courier.filedrop.plugins.module_utils._engine.remote.sftp.remote import SftpRemote
from support.odd_server import OddServer, Sink, upload

KIB = 1024


class Clock:
    """The monotonic clock of the module, which stands still until a test moves it."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    return clock


def test_without_a_limit_nobody_waits() -> None:
    rate_limiter = RateLimiter(None)
    assert rate_limiter.acquire(2**40).done
    assert rate_limiter.portion(2**40) == 2**40
    assert (rate_limiter.waiting, rate_limiter.patience) == (0, None)


def test_bytes_go_at_the_rate_in_the_order_of_asking(clock: Clock) -> None:
    rate_limiter = RateLimiter(1000)
    first, second, third = (rate_limiter.acquire(500) for _one in range(3))
    assert [first.done, second.done, third.done] == [True, False, False]
    assert (rate_limiter.waiting, rate_limiter.patience) == (2, 0.5)
    clock.now += 0.5
    assert rate_limiter.release()
    assert [second.done, third.done] == [True, False]
    assert not rate_limiter.release()
    clock.now += 10
    assert rate_limiter.release()
    assert (third.done, rate_limiter.patience) == (True, None)


def test_time_in_which_nobody_asked_is_not_saved_up(clock: Clock) -> None:
    rate_limiter = RateLimiter(1000)
    rate_limiter.acquire(1)
    clock.now += 3600
    assert [rate_limiter.acquire(1000).done for _one in range(3)] == [True, False, False]


def test_portions_are_a_fraction_of_a_second_s_bytes() -> None:
    assert RateLimiter(800 * KIB).portion(255 * KIB) == 100 * KIB
    assert RateLimiter(800 * KIB).portion(10) == 10
    assert RateLimiter(2 * KIB).portion(255 * KIB) == 4096


def test_a_lost_session_lets_nobody_wait(clock: Clock) -> None:
    rate_limiter = RateLimiter(1)
    rate_limiter.acquire(1000)
    waits = rate_limiter.acquire(1000)
    rate_limiter.fail(ConnectionLost("connection_lost", "lost for a test"))
    with pytest.raises(ConnectionLost):
        waits.result()
    assert rate_limiter.waiting == 0


@pytest.mark.parametrize("connections", [1, 2])
def test_files_cross_a_real_session_no_faster_than_allowed(server: OddServer, tmp_path: Path, connections: int) -> None:
    rate, size = 256 * KIB, 128 * KIB
    content = bytes(range(256)) * (size // 256)
    (server.pickup / "report.xml").write_bytes(content)
    remote = SftpRemote(replace(server.account(connections=connections), bandwidth_limit=rate))
    into = Sink()

    async def there_and_back() -> None:
        uploaded = await upload(remote, "input/invoice.xml", content)
        await uploaded.size()
        await uploaded.close()
        await remote.download("pickup/report.xml", into, size=size)

    began = module.time.monotonic()
    try:
        Loop(remote).run(there_and_back())
    finally:
        remote.close()
    took = module.time.monotonic() - began
    assert (server.input / "invoice.xml").read_bytes() == into.content == content
    assert took >= (2 * size - rate / module.PORTIONS) / rate
