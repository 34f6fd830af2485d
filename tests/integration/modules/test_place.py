# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module place, as Ansible runs it."""

from __future__ import annotations

from support.stage import InProcess, Step


def test_check_run_check_run(here: InProcess) -> None:
    root = here.folder / "partner"
    (root / "pickup").mkdir(parents=True)
    report = here.folder / "report.xml"
    report.write_text("a report")
    places = {"src": str(report), "account": "partner", "root": str(root), "ledger": str(here.folder / "ledger")}
    (foreseen,), _output = here.play(Step("place", places, check=True, diff=True))
    assert (foreseen["changed"], list((root / "pickup").iterdir())) == (True, [])
    (done, none_left, again), _output = here.play(
        Step("place", places), Step("place", places, check=True), Step("place", places)
    )
    assert (done["changed"], none_left["changed"], again["changed"]) == (True, False, False)
    assert (done["files"][0]["outcome"], again["files"][0]["reason"]) == ("delivered", "moved_before")
    assert (root / "pickup" / "report.xml").read_text() == "a report"


def test_a_name_that_is_taken_fails_the_task(here: InProcess) -> None:
    root = here.folder / "partner"
    (root / "pickup").mkdir(parents=True)
    (root / "pickup" / "report.xml").write_text("theirs")
    report = here.folder / "other.xml"
    report.write_text("a report")
    places = {"src": str(report), "account": "partner", "root": str(root), "ledger": str(here.folder / "ledger")}
    (result,), _output = here.play(Step("place", {**places, "name": "report.xml"}))
    assert (result["failed"], result["reason"]) == (True, "files_blocked")
    assert (root / "pickup" / "report.xml").read_text() == "theirs"
