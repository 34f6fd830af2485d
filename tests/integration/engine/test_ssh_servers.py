# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A drop-off and a pickup against SFTP servers of several origins, over both transports."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.desk import Desk, assert_delivered, digests, fill
from support.ssh_servers import KINDS, serving, why_not
from support.sshd import user_key

from .test_ways_in import BOTH


@pytest.mark.parametrize("kind", KINDS)
@BOTH
def test_files_go_out_and_come_in_and_an_unknown_server_gets_nothing(tmp_path: Path, kind: str, transport: str) -> None:
    if reason := why_not(kind):
        pytest.skip(reason)
    with serving(kind, tmp_path / "server") as server:
        desk = Desk(tmp_path, {**server.options, "transport": transport, "account": "acme"})
        for upload, count, size in (("rename", 30, 20_000), ("direct", 1, 3_000_000)):
            sent = fill(desk.outbox, count, size)
            assert_delivered(desk.drop_off(upload=upload, after="delete"), sent)
            assert digests(server.input) == sent
            for path in server.input.iterdir():
                path.rename(server.pickup / path.name)
            assert_delivered(desk.pick_up(), sent)
            assert digests(desk.inbox) == sent
            assert digests(server.pickup) == {}
            for path in desk.inbox.iterdir():
                path.unlink()
        fill(desk.outbox, 1)
        for pins in ([user_key().public], [f"SHA256:{'A' * 43}"]):
            assert desk.refusal(desk.job("dropoff"), {"host_keys": pins}).reason == "host_key_changed"
        assert digests(server.input) == {}
