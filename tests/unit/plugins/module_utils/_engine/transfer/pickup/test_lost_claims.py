# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Claims on servers that tell no times. Other claims: tests/integration/engine/test_restored_ledger.py."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from ansible_collections.courier.filedrop.plugins.module_utils._engine.config.jobs.job import Share
from ansible_collections.courier.filedrop.plugins.module_utils._sandbox.faults import Call, Serve
from ansible_collections.courier.filedrop.plugins.module_utils._sandbox.wire import Answer, Kind, Names
from support.odd_desk import Desk
from support.odd_server import OddServer


@pytest.mark.parametrize("time", [0, None])
def test_a_claim_without_a_time_is_not_old(tmp_path: Path, server: OddServer, time: int | None) -> None:
    def list_(call: Call, go: Serve) -> Answer | None:
        answer = go(call.request)
        if isinstance(answer, Names):
            return Names([replace(one, attributes=replace(one.attributes, mtime=time)) for one in answer.names])
        return answer

    server.hooks[Kind.READDIR] = list_
    (server.pickup / ".filedrop-claim-other-0123456789ab-01234567-a.xml.part").write_bytes(b"content")
    desk = Desk(tmp_path, server)
    for _run in range(2):
        assert desk.run(desk.pickup(share=Share(0, 1))).outcomes == []
