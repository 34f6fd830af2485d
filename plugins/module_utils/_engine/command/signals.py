# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""End the command on a signal, at any instant, with its status.

The first signal raises `Interruption`; later ones do nothing. SIGKILL remains possible, and the next run completes that
as well. Where such an exception could get lost, or change an answer that is known already, signals are held: while
libraries are imported, while the answer is printed, and while the program starts and exits.
"""

from __future__ import annotations

import signal
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Callable, NoReturn

from ..errors import RunEnded
from ..loop.deadline import Interruption

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def hold() -> set[int]:
    """Let signals wait from now on; return the mask of signals before."""
    return set(signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS))


def release() -> None:
    """:raises Interruption: a signal has come meanwhile."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)


@contextmanager
def held() -> Iterator[None]:
    """Let signals wait for the end of the block."""
    before = hold()
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def listen() -> None:
    """Raise `Interruption` for the first signal."""
    _handle(_interrupt, (number for number in SIGNALS if signal.getsignal(number) is not signal.SIG_IGN))


def end(before: Iterable[int]) -> None:
    """Ignore signals from now on, and restore the mask of `hold`."""
    _handle(_ignore, (number for number in SIGNALS if signal.getsignal(number) is _interrupt))
    signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _handle(handler: Callable[[int, FrameType | None], object], numbers: Iterable[int]) -> None:
    for number in list(numbers):  # not those that nohup, or a shell's background, lets the program ignore
        signal.signal(number, handler)


def _interrupt(number: int, _frame: FrameType | None) -> NoReturn:
    """End the run at this point, once."""
    # SIG_IGN would be called like a function, and fail, if a second signal has come already.
    _handle(_ignore, (each for each in SIGNALS if signal.getsignal(each) is _interrupt))
    name = signal.Signals(number).name
    raise Interruption(RunEnded("interrupted", f"The run was ended by {name}.", "The next run continues from there."))


def _ignore(_number: int, _frame: FrameType | None) -> None:
    """Do nothing."""
