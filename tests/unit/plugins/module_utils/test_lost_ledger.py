# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A ledger that was lost is not replaced by an empty one, by none of the modules that can create one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.courier.filedrop.plugins.module_utils import _lost_ledger, _module
from support.stage import InProcess, Step

MODULES = ("dropoff", "pickup", "connection_info", "__internal.run_job")


class Site:
    """A host of the tests: its mailbox is a folder, and its configuration and the system's ledger are elsewhere."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.configuration = folder / "etc"
        self.ledger = folder / "state" / "ledger.sqlite3"
        for name in ("box/in", "outbox", "inbox", "state"):
            (folder / name).mkdir(parents=True)
        (folder / "outbox" / "a.xml").write_text("one")
        (folder / "box" / "in" / "b.xml").write_text("two")

    def run(self, module: str, ledger: object = None, *, check: bool = False) -> dict[str, Any]:
        account = {"protocol": "folder", "root": str(self.folder / "box")}
        drop = {"src": str(self.folder / "outbox"), "remote_dir": "in", "settle": 0, "after": "keep"}
        options: dict[str, dict[str, object]] = {
            "dropoff": {**account, **drop},
            "pickup": {**account, "dest": str(self.folder / "inbox"), "remote_dir": "in", "settle": 0},
            "connection_info": {**account, "probe_dir": "in"},
            "__internal.run_job": {
                "name": "invoices",
                "job": {"direction": "dropoff", "account": "acme", **drop},
                "account": account,
                "secrets": {},
            },
        }
        step = Step(module, {**options[module], **({"ledger": str(ledger)} if ledger else {})}, check=check)
        return InProcess(self.folder).play(step).results[0]


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    found = Site(tmp_path)
    monkeypatch.setattr(_lost_ledger, "SYSTEM_LEDGER", str(found.ledger))
    monkeypatch.setattr(_lost_ledger, "DEFAULT_FOLDER", str(found.configuration))
    monkeypatch.setattr(_module, "default_ledger", lambda: str(found.ledger))
    return found


@pytest.mark.parametrize("check", [False, True])
@pytest.mark.parametrize("given", [False, True])
@pytest.mark.parametrize("module", MODULES)
def test_the_lost_ledger_of_a_deployed_host_is_not_replaced(site: Site, module: str, given: bool, check: bool) -> None:
    (site.configuration / "jobs").mkdir(parents=True)
    told = site.run(module, site.ledger if given else None, check=check)
    if module == "connection_info" and check:
        assert not told["failed"]  # it only looks
    else:
        assert (told["failed"], told["reason"]) == (True, "ledger_missing")
        assert f"{site.configuration} contains jobs, but the ledger {site.ledger} is missing." in told["msg"]
        assert "Restore it from a backup." in told["msg"]
        assert told["msg"].endswith(" -- /usr/local/bin/filedrop init")
    assert not list(site.ledger.parent.iterdir())
    assert not list((site.folder / "inbox").iterdir())
    assert [path.name for path in (site.folder / "box" / "in").iterdir()] == ["b.xml"]


def test_another_way_to_the_system_s_ledger_is_no_way_round(site: Site) -> None:
    (site.configuration / "jobs").mkdir(parents=True)
    (site.folder / "link").symlink_to(site.ledger.parent)
    told = site.run("dropoff", site.folder / "link" / "ledger.sqlite3")
    assert (told["failed"], told["reason"]) == (True, "ledger_missing")
    assert "contains jobs" in told["msg"]


@pytest.mark.parametrize("module", MODULES)
def test_a_ledger_that_is_missing_beside_that_of_the_jobs_is_mistyped(site: Site, module: str) -> None:
    (site.configuration / "jobs").mkdir(parents=True)
    site.ledger.touch()
    told = site.run(module, site.ledger.with_name("leger.sqlite3"))
    assert (told["failed"], told["reason"]) == (True, "ledger_missing")
    assert f"Its folder is that of '{site.ledger}'" in told["msg"]
    assert len(list(site.ledger.parent.iterdir())) == 1


def test_several_ledgers_may_share_a_folder_of_their_own(site: Site) -> None:
    for name in ("shop1", "shop2"):
        assert not site.run("pickup", site.folder / f"{name}.sqlite3")["failed"]


@pytest.mark.parametrize("module", MODULES)
@pytest.mark.parametrize("deployed", [False, True])
def test_a_host_that_had_none_gets_one(site: Site, module: str, deployed: bool) -> None:
    if deployed:
        (site.configuration / "jobs").mkdir(parents=True)
    ledger = site.folder / "own" / "ledger.sqlite3" if deployed else None
    assert not site.run(module, ledger)["failed"]
    assert (ledger or site.ledger).exists()
    assert not site.run(module, ledger)["failed"]
