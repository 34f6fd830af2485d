# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a server may not be able to do: while nobody knows, one file at a time tries it, and the others wait."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .budget import Budget
from .errors import ENDS_THE_RUN, NotReached
from .flow import Answer, settled

if TYPE_CHECKING:
    from .ledger import Ledger

ALL = 1 << 30


class Trial:
    """Of one capability, over one connection. Whoever is about to need it does so in a turn: ``async with trial``.

    If a turn ends the run, those who wait for theirs get NotReached.

    :param is_needed: whether the job needs it at all; if not, all have their turns at once.
    """

    def __init__(self, ledger: Ledger, account: str, capability: str, *, is_needed: bool) -> None:
        self._ledger = ledger
        self._account = account
        self._capability = capability
        self._turns = Budget(1)
        self._is_over = False
        if not is_needed or self.is_proven:
            self._end()

    def __aenter__(self) -> Answer[Budget]:
        return self._turns.take(1)

    def __aexit__(self, _kind: object, error: BaseException | None, _trace: object) -> Answer[None]:
        if isinstance(error, ENDS_THE_RUN):
            self._turns.fail(NotReached())
        else:
            self._turns.give_back(1)
        return settled(None)

    @property
    def is_proven(self) -> bool:
        """Whether the server has ever done it, be it for another job a moment ago."""
        return self._ledger.capability(self._account, self._capability) is True

    def succeeded(self) -> None:
        """The server has done it; it is noted, unless that is known."""
        if not self._is_over:
            if not self.is_proven:
                self._ledger.learn(self._account, self._capability, allowed=True)
            self._end()

    def failed(self) -> None:
        """The server has refused it, and never done it."""
        self._ledger.learn(self._account, self._capability, allowed=False)

    def _end(self) -> None:
        self._is_over = True
        self._turns.resize(ALL)
