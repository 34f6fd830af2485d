# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Limits of servers: what is refused for now fails file by file, and later runs complete it."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.desk import MODES, Desk, fill, outcomes
from support.ftpd import FtpServer


@pytest.mark.parametrize("mode", MODES)
def test_a_transfer_that_is_refused_twice_puts_no_reply_out_of_step(tmp_path: Path, mode: str) -> None:
    """ProFTPD sends two replies to a STOR or a RETR beyond its limits. Nothing may be read as the answer to another."""
    with FtpServer("proftpd", config=["MaxTransfersPerHost STOR,RETR 1"]) as server:
        desk = Desk(tmp_path, server.account_options(connections=4))
        source = server.pickup if mode == "pickup" else desk.outbox
        fill(source, 40, 1_000_000)
        if mode == "pickup":
            for path in source.iterdir():
                server.give(path)
        contents = {path.name: path.read_bytes() for path in source.iterdir()}
        refused = 0
        for _run in range(20):
            result = desk.run(desk.job_of(mode))
            assert result.error is None
            told = set(outcomes(result).values())
            assert told <= {("delivered", ""), ("failed", "remote_failure")}
            refused += ("failed", "remote_failure") in told
            if told <= {("delivered", "")}:
                break
        target = desk.inbox if mode == "pickup" else server.input
        assert {path.name: path.read_bytes() for path in target.iterdir() if path.name[0] != "."} == contents
        assert refused
