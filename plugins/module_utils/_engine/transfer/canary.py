# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Gate a capability that a server may lack: until one file proves it, files pass one at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import ENDS_THE_RUN, NotReached, RunEnded
from ..loop.deadline import Interruption
from ..loop.limiter import CapacityLimiter
from ..loop.loop import Future, done_future

if TYPE_CHECKING:
    from ..ledger.ledger import Ledger
    from ..loop.deadline import Deadline

ALL = 1 << 30


class CanaryGate:
    """Guard one capability over one connection. Code that needs the capability runs in ``async with gate``.

    A file that still waits when the run ends has not begun. It gets NotReached if the error of another file ended the
    run. It gets RunEnded if a deadline or a signal ended it.

    :param is_needed: whether the job needs the capability. If not, all files pass at once.
    """

    def __init__(self, ledger: Ledger, account: str, capability: str, deadline: Deadline, *, is_needed: bool) -> None:
        self._ledger = ledger
        self._account = account
        self._capability = capability
        self._deadline = deadline
        self._turns = CapacityLimiter(1)
        self._is_known = self.is_proven
        if self._is_known or not is_needed:
            self._turns.resize(ALL)

    async def __aenter__(self) -> None:
        try:
            await self._turns.acquire(1)
        except Interruption as interruption:
            raise interruption.error from None
        try:
            self._deadline.check()
        except RunEnded:
            self._turns.release(1)
            raise

    def __aexit__(self, _kind: object, error: BaseException | None, _trace: object) -> Future[None]:
        if error is None or (isinstance(error, Exception) and not isinstance(error, ENDS_THE_RUN)):
            self._turns.release(1)
        else:
            self._turns.fail(NotReached())
        return done_future(None)

    @property
    def is_proven(self) -> bool:
        """Return whether the server has ever done it. This includes other jobs that are running now."""
        return self._ledger.capability(self._account, self._capability) is True

    def succeeded(self) -> None:
        """Record that the server has done it, unless that is known already, and open the gate."""
        if not self._is_known:
            if not self.is_proven:
                self._ledger.learn(self._account, self._capability, allowed=True)
            self._is_known = True
            self._turns.resize(ALL)

    def failed(self) -> None:
        """Record that the server has refused it. Call this only if the capability is not proven."""
        self._ledger.learn(self._account, self._capability, allowed=False)
