# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The drop-off and pickup playbooks, with the jobs of an inventory, against OpenSSH."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from support.sshd import SshServer

if TYPE_CHECKING:
    from .conftest import Stage

DROPOFF = "courier.filedrop.dropoff"
PICKUP = "courier.filedrop.pickup"


LOCAL = {"ansible_connection": "local", "ansible_python_interpreter": "{{ ansible_playbook_python }}"}


class Office:
    """A host with an outbox and an inbox, and an account at the server."""

    def __init__(self, folder: Path, sshd: SshServer) -> None:
        self.outbox = folder / "outbox"
        self.inbox = folder / "inbox"
        self.ledger = folder / "ledger.sqlite3"
        self._inventory = folder / "inventory.json"
        self.accounts = {"amili": {**sshd.account_options(), "preset": "amili_sftp"}}
        self.outbox.mkdir()
        self.inbox.mkdir()

    def job(self, direction: str, **options: object) -> dict[str, object]:
        place = {"src": str(self.outbox)} if direction == "dropoff" else {"dest": str(self.inbox)}
        return {"account": "amili", "direction": direction, "settle": 0, **place, **options}

    def inventory(self, **jobs: Mapping[str, object]) -> str:
        """Write an inventory with these jobs, and return its path."""
        variables = {"filedrop_ledger": str(self.ledger), "filedrop_accounts": self.accounts, "filedrop_jobs": jobs}
        return self.write({"erp": {"hosts": {"erp1": {**LOCAL, **variables}}}})

    def fleet(self, *names: str, jobs: Mapping[str, object], **more: Mapping[str, object]) -> str:
        """Write an inventory of hosts, each with a ledger of its own, with what some say beside it; return its path."""
        hosts = {
            name: {**LOCAL, "filedrop_ledger": str(self.outbox.parent / f"{name}.sqlite3"), **more.get(name, {})}
            for name in names
        }
        common = {"filedrop_accounts": self.accounts, "filedrop_jobs": jobs, **more.get("group", {})}
        return self.write({"shops": {"hosts": hosts, "vars": common}})

    def write(self, groups: Mapping[str, object]) -> str:
        self._inventory.write_text(json.dumps(groups))
        return str(self._inventory)


@pytest.fixture
def office(tmp_path: Path, sshd: SshServer) -> Office:
    return Office(tmp_path, sshd)


def test_check_mode_predicts_a_run_delivers_and_the_next_has_nothing_to_do(
    stage: Stage, office: Office, sshd: SshServer
) -> None:
    inventory = office.inventory(invoices=office.job("dropoff", include=["invoices-*.xml"]))
    (office.outbox / "invoices-1.xml").write_text("one")
    (office.outbox / "notes.txt").write_text("not for the provider")

    check = stage.play(DROPOFF, "-i", inventory, "--check", "--diff")
    assert (check.status, check.counts["changed"]) == (0, 1)
    assert "invoices: 1 would be delivered" in check.output
    assert "+input/invoices-1.xml" in check.output
    assert not list(sshd.input.iterdir())
    assert not office.ledger.exists()

    run = stage.play(DROPOFF, "-i", inventory)
    assert (run.status, run.counts["changed"]) == (0, 1)
    assert "invoices: 1 delivered" in run.output
    assert [path.name for path in sshd.input.iterdir()] == ["invoices-1.xml"]
    assert (office.outbox / "archive" / "invoices-1.xml").read_text() == "one"
    assert (office.outbox / "notes.txt").exists()

    again = stage.play(DROPOFF, "-i", inventory)
    assert (again.status, again.counts["changed"]) == (0, 0)


def test_pickup_fetches_and_deletes_on_the_server(stage: Stage, office: Office, sshd: SshServer) -> None:
    inventory = office.inventory(reports=office.job("pickup"), invoices=office.job("dropoff"))
    there = sshd.put("report-1.json", b"{}")
    check = stage.play(PICKUP, "-i", inventory, "--check")
    assert (check.status, check.counts["changed"]) == (0, 1)
    assert there.exists()

    run = stage.play(PICKUP, "-i", inventory)
    assert (run.status, run.counts["changed"]) == (0, 1)
    assert "reports: 1 delivered" in run.output
    assert not there.exists()
    assert (office.inbox / "report-1.json").read_bytes() == b"{}"

    again = stage.play(PICKUP, "-i", inventory)
    assert (again.status, again.counts["changed"]) == (0, 0)
    assert "reports: nothing to do" in again.output


def test_a_job_that_fails_does_not_stop_the_others(stage: Stage, office: Office, sshd: SshServer) -> None:
    (office.outbox / "invoices-1.xml").write_text("one")
    missing = str(office.outbox / "missing")
    inventory = office.inventory(broken=office.job("dropoff", src=missing), invoices=office.job("dropoff"))
    played = stage.play(DROPOFF, "-i", inventory)
    assert played.status != 0
    assert missing in played.output
    assert "broken: failed. See the error of each job above." in played.output
    assert (sshd.input / "invoices-1.xml").read_text() == "one"


def test_a_job_that_is_switched_off_runs_only_when_it_is_named(stage: Stage, office: Office, sshd: SshServer) -> None:
    (office.outbox / "invoices-1.xml").write_text("one")
    inventory = office.inventory(invoices=office.job("dropoff", enabled=False))
    assert stage.play(DROPOFF, "-i", inventory).status == 0
    assert not list(sshd.input.iterdir())
    assert stage.play(DROPOFF, "-i", inventory, filedrop_job="invoices").status == 0
    assert [path.name for path in sshd.input.iterdir()] == ["invoices-1.xml"]


def test_a_job_or_account_that_is_not_described_is_named_with_those_that_are(stage: Stage, office: Office) -> None:
    inventory = office.inventory(invoices=office.job("dropoff"), orphan=office.job("dropoff", account="nobody"))
    unknown = stage.play(DROPOFF, "-i", inventory, filedrop_job="invoces")
    assert unknown.status != 0
    assert "'invoces' is not a job with direction dropoff. filedrop_jobs has: invoices, orphan." in unknown.output
    orphan = stage.play(DROPOFF, "-i", inventory)
    assert orphan.status != 0
    assert (
        "orphan has the account 'nobody', which is not defined in filedrop_accounts. Defined are: amili."
        in orphan.output
    )


def test_a_password_is_nowhere_in_the_output(stage: Stage, office: Office) -> None:
    (office.outbox / "invoices-1.xml").write_text("one")
    inventory = office.inventory(invoices=office.job("dropoff"))
    described = json.loads(Path(inventory).read_text())
    described["erp"]["hosts"]["erp1"]["filedrop_accounts"]["amili"]["password"] = "a-secret-of-ours"
    Path(inventory).write_text(json.dumps(described))
    played = stage.play(DROPOFF, "-i", inventory, "-vvv", "--diff")
    assert played.status == 0
    assert "a-secret-of-ours" not in played.output


def test_groups_and_hosts_override_single_options(
    stage: Stage, office: Office, sshd: SshServer, tmp_path: Path
) -> None:
    """A group narrows the job down for its hosts, one host has another folder, and a third does without the job."""
    other = tmp_path / "other"
    other.mkdir()
    for folder in (office.outbox, other):
        (folder / f"invoices-{folder.name}.xml").write_text("an invoice")
        (folder / "notes.txt").write_text("not for the provider")
    inventory = office.fleet(
        *("shop1", "shop2", "shop3"),
        jobs={"invoices": office.job("dropoff"), "unused": office.job("dropoff", src="/nowhere")},
        group={"filedrop_jobs_group": {"invoices": {"include": ["invoices-*.xml"]}, "unused": None}},
        shop2={"filedrop_jobs_host": {"invoices": {"src": str(other)}}},
        shop3={"filedrop_jobs_host": {"invoices": None}},
    )
    played = stage.play(DROPOFF, "-i", inventory)
    assert played.status == 0
    assert sorted(path.name for path in sshd.input.iterdir()) == ["invoices-other.xml", "invoices-outbox.xml"]
    assert sorted(path.name for path in other.iterdir()) == ["archive", "notes.txt"]
    assert not (tmp_path / "shop3.sqlite3").exists()


def test_accounts_are_overridden_as_well(stage: Stage, office: Office, sshd: SshServer) -> None:
    (office.outbox / "invoices-1.xml").write_text("one")
    wrong = {"filedrop_accounts_host": {"amili": {"username": "somebody-else"}}}
    inventory = office.fleet("shop1", jobs={"invoices": office.job("dropoff")}, shop1=wrong)
    played = stage.play(DROPOFF, "-i", inventory)
    assert played.status != 0
    assert "'somebody-else'" in played.output
    assert not list(sshd.input.iterdir())


def test_hosts_come_in_batches_and_one_that_fails_stops_no_other(
    stage: Stage, office: Office, sshd: SshServer, tmp_path: Path
) -> None:
    outboxes = {name: tmp_path / f"outbox-{name}" for name in ("shop1", "shop2", "shop3", "shop4")}
    for name in ("shop2", "shop3", "shop4"):
        outboxes[name].mkdir()
        (outboxes[name] / f"{name}.xml").write_text("an invoice")
    own = {name: {"filedrop_jobs_host": {"invoices": {"src": str(path)}}} for name, path in outboxes.items()}
    inventory = office.fleet(*outboxes, jobs={"invoices": office.job("dropoff")}, **own)
    played = stage.play(DROPOFF, "-i", inventory, "--limit", "shop1,shop2,shop3", filedrop_serial=1)
    assert played.status != 0
    assert played.output.count("PLAY [Drop files off]") == 3
    assert "invoices: failed. See the error of each job above." in played.output
    assert sorted(path.name for path in sshd.input.iterdir()) == ["shop2.xml", "shop3.xml"]
    assert (outboxes["shop4"] / "shop4.xml").exists()


@pytest.mark.parametrize(
    ("option", "of_account"),
    [
        ({"share": {"index": 0, "count": 2}}, {}),
        ({"file_mode": "0640", "group": "users"}, {}),
        ({}, {"password_file": "/etc/secret"}),
    ],
)
def test_what_only_a_deployed_job_can_do_is_not_passed_over(
    stage: Stage,
    office: Office,
    sshd: SshServer,
    option: Mapping[str, object],
    of_account: Mapping[str, object],
) -> None:
    there = sshd.put("report-1.json", b"{}")
    office.accounts["amili"].update(of_account)
    inventory = office.inventory(reports=office.job("pickup", **option))
    played = stage.play(PICKUP, "-i", inventory)
    assert played.status != 0
    told = " and ".join({**option, **of_account})
    assert f"reports, or its account, has {told}, which only the command on the host supports." in played.output
    assert "systemctl start filedrop@reports" in played.output
    assert there.exists()
