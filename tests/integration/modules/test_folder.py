# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The modules against a folder that is a mailbox."""

from __future__ import annotations

import sys

from support.desk import digests, fill
from support.stage import Stage, Step


def test_a_folder_is_fed_emptied_listed_and_told_of(stage: Stage) -> None:
    box, outbox, inbox = (stage.folder / name for name in ("box", "outbox", "inbox"))
    for folder in (box / "input", outbox, inbox):
        folder.mkdir(parents=True)
    sent = fill(outbox, 5)
    ledger = str(stage.folder / "ledger.sqlite3")
    job = {"ledger": ledger, "settle": 0, "remote_dir": "input"}
    away, back = {**job, "src": str(outbox)}, {**job, "dest": str(inbox)}
    results, _output = stage.play(
        Step("dropoff", away, check=True),
        Step("dropoff", away),
        Step("dropoff", away),
        Step("files_info", {"remote_dir": "input"}),
        Step("connection_info", {"folders": ["input"], "probe_dir": "input", "ledger": ledger}),
        Step("pickup", back),
        Step("ledger_info", {"ledger": ledger}),
        defaults={"protocol": "folder", "root": str(box)},
        python=sys.executable,
    )
    foreseen, delivered, again, listed, told, fetched, known = results
    assert foreseen["summary"]["delivered"] == delivered["summary"]["delivered"] == 5
    assert delivered["changed"]
    assert not again["changed"]
    assert sorted(file["name"] for file in listed["files"]) == sorted(sent)
    assert told["root"] == str(box)
    assert told["capabilities"] == {
        "rename": "yes",
        "exclusive_create": "yes",
        "claim": "unknown",
        "partial_uploads": "yes",
        "stat": "unknown",
        "stat_as_listed": "unknown",
    }
    assert fetched["summary"]["delivered"] == 5
    assert digests(inbox) == sent
    assert digests(box / "input") == {}
    assert not known.get("failed", False), known
    assert digests(outbox / "archive") == sent


def test_an_option_of_another_protocol_is_refused_by_name(stage: Stage) -> None:
    (result,), _output = stage.play(
        Step("files_info", {"protocol": "folder", "root": str(stage.folder), "host": "h", "remote_dir": "."})
    )
    assert result["failed"]
    assert result["reason"] == "option_unknown"
    assert "host: unknown option for protocol folder." in result["msg"]
