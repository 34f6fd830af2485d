# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""File systems that refuse some names, or that know neither a rename that spares existing files nor hard links."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.courier.filedrop.plugins.module_utils._engine.ledger.history import Question, ask
from ansible_collections.courier.filedrop.plugins.module_utils._engine.local import folder as folder_module
from support.desk import Desk, digests, outcomes
from support.sshd import SshServer

COLON = "report_10:15.xml"


def _no_links(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    def link(*_arguments: Any, **_options: Any) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "link", link)


@pytest.fixture(params=[errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS])
def plain(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, desk: Desk) -> None:
    """As some FUSE file systems: no rename with flags, no links. The ledger, which exists, is on another one."""
    desk.pick_up()
    monkeypatch.setattr(folder_module, "_renameat2", lambda *_arguments: False)
    _no_links(monkeypatch, request.param)


@pytest.fixture(params=[errno.EINVAL, errno.EILSEQ, errno.ENAMETOOLONG])
def picky(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """As vfat, CIFS and NTFS: no colon in a new name, and no links."""
    rename: Callable[..., bool] | None = folder_module._renameat2
    assert rename is not None

    def picky_rename(old_fd: int, old: bytes, new_fd: int, new: bytes) -> bool:
        if b":" not in new:
            return rename(old_fd, old, new_fd, new)
        if request.param == errno.EINVAL:
            return False  # as the wrapper takes it
        raise OSError(request.param, os.strerror(request.param))

    monkeypatch.setattr(folder_module, "_renameat2", picky_rename)
    _no_links(monkeypatch, errno.EPERM)


@pytest.mark.usefixtures("plain")
def test_a_dest_without_a_safe_rename_is_refused_before_anything_is_fetched(desk: Desk, sshd: SshServer) -> None:
    sshd.put("a.xml", b"content")
    error = desk.refusal(desk.job("pickup"))
    assert error.reason == "file_system_unsuitable"
    assert "permission" not in str(error)
    assert digests(sshd.pickup).keys() == {"a.xml"}
    assert os.listdir(desk.inbox) == []


@pytest.mark.usefixtures("plain")
def test_what_cannot_be_archived_there_is_sent_once_and_told(desk: Desk, sshd: SshServer) -> None:
    (desk.outbox / "a.xml").write_bytes(b"content")
    for _run in range(2):
        result = desk.drop_off()
        assert outcomes(result) == {"a.xml": ("failed", "file_system_unsuitable")}
        (sshd.input / "a.xml").unlink(missing_ok=True)  # the provider takes it
        assert "permission" not in result.outcomes[0].message
    assert digests(sshd.input) == {}
    assert digests(desk.outbox).keys() == {"a.xml"}


@pytest.mark.usefixtures("picky")
def test_a_name_that_dest_refuses_is_fetched_once_and_told(
    desk: Desk, sshd: SshServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    sshd.put(COLON, b"content")
    sshd.put("good.xml", b"good")
    for run in range(3):
        result = desk.pick_up()
        expected = {COLON: ("failed", "local_name_refused")} | ({} if run else {"good.xml": ("delivered", "")})
        assert outcomes(result) == expected
        message = result.outcomes[0].message
        assert "name" in message
        assert "permission" not in message
        parts = [name for name in os.listdir(desk.inbox) if name.endswith(".part")]
        assert len(parts) == 1
    assert digests(sshd.pickup).keys() == {COLON}
    told = ask(str(desk.ledger), Question())
    assert {(row.name, outcome) for row, outcome in told.entries} == {(COLON, "unfinished"), ("good.xml", "delivered")}
    monkeypatch.undo()
    assert outcomes(desk.pick_up()) == {COLON: ("delivered", "")}
    assert digests(desk.inbox).keys() == {COLON, "good.xml"}
    assert Path(desk.inbox / COLON).read_bytes() == b"content"
