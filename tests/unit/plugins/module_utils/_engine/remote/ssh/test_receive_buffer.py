# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import select
import threading
from typing import Any

import pytest
from ansible_collections.courier.filedrop.plugins.module_utils._engine.remote.ssh.receive_buffer import (
    NullBuffer,
    ReceiveBuffer,
)
from paramiko.buffered_pipe import PipeTimeout
from paramiko.pipe import make_pipe


def test_an_inbox_is_emptied_at_once() -> None:
    inbox = ReceiveBuffer()
    inbox.feed(b"one")
    inbox.feed(b"two")
    assert (len(inbox), inbox.read_ready()) == (6, True)
    assert inbox.read(1) == b"onetwo"
    assert (len(inbox), inbox.read_ready()) == (0, False)


def test_a_reader_waits_for_what_comes() -> None:
    inbox = ReceiveBuffer()
    threading.Timer(0.05, inbox.feed, [b"late"]).start()
    assert inbox.read(100, timeout=5.0) == b"late"


@pytest.mark.parametrize("timeout", [0.0, 0.01])
def test_nothing_that_comes_is_not_the_end(timeout: float) -> None:
    inbox = ReceiveBuffer()
    inbox.feed(b"")
    with pytest.raises(PipeTimeout):
        inbox.read(100, timeout=timeout)


def test_the_end_comes_after_what_came_before() -> None:
    inbox = ReceiveBuffer()
    inbox.feed(b"last words")
    inbox.close()
    assert inbox.read(100) == b"last words"
    assert inbox.read(100) == b""


def test_an_inbox_can_be_selected_while_there_is_something_in_it() -> None:
    inbox, pipe = ReceiveBuffer(), make_pipe()
    try:
        inbox.set_event(pipe)
        assert not _readable(pipe)
        inbox.feed(b"now")
        assert _readable(pipe)
        inbox.read(100)
        assert not _readable(pipe)
        inbox.close()
        assert _readable(pipe)
    finally:
        pipe.close()


@pytest.mark.parametrize("end", [False, True])
def test_what_came_before_anybody_selected_is_told(end: bool) -> None:
    inbox, pipe = ReceiveBuffer(), make_pipe()
    try:
        if end:
            inbox.close()
        else:
            inbox.feed(b"early")
        inbox.set_event(pipe)
        assert _readable(pipe)
    finally:
        pipe.close()


def test_what_is_said_on_the_side_is_nothing_to_read() -> None:
    inbox, pipe = NullBuffer(), make_pipe()
    try:
        inbox.set_event(pipe)
        inbox.feed(b"sftp-server: a line of a log")
        assert (len(inbox), _readable(pipe)) == (0, False)
    finally:
        pipe.close()


def _readable(pipe: Any) -> bool:
    return bool(select.select([pipe], [], [], 0)[0])
