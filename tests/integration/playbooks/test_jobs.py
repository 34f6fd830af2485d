# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The drop-off and pickup playbooks, with the jobs of an inventory, against OpenSSH."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING

from support.sshd import SshServer

if TYPE_CHECKING:
    from .conftest import Office, Stage

DROPOFF = "courier.filedrop.dropoff"
PICKUP = "courier.filedrop.pickup"


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


def test_pickup_fetches_and_deletes_on_the_server_of_a_preset_of_our_own(
    stage: Stage, office: Office, sshd: SshServer
) -> None:
    of_server = {name: office.accounts["amili"].pop(name) for name in ("protocol", "host", "port", "host_keys")}
    office.presets = {"partner": {"account": of_server, "pickup": {"remote_dir": "pickup"}}}
    office.accounts["amili"]["preset"] = "partner"
    inventory = office.inventory(reports=office.job("pickup"), invoices=office.job("dropoff", remote_dir="input"))
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
    assert f"broken: failed. {missing!r}" in played.output
    assert "invoices: 1 delivered" in played.output
    assert (sshd.input / "invoices-1.xml").read_text() == "one"


def test_a_job_that_is_switched_off_runs_only_when_it_is_named(stage: Stage, office: Office, sshd: SshServer) -> None:
    (office.outbox / "invoices-1.xml").write_text("one")
    inventory = office.inventory(invoices=office.job("dropoff", enabled=False))
    refused = stage.play(DROPOFF, "-i", inventory)
    assert refused.status != 0
    assert "all jobs with direction dropoff are disabled: invoices. To run one of them, name it in" in refused.output
    assert not list(sshd.input.iterdir())
    assert stage.play(DROPOFF, "-i", inventory, filedrop_job="invoices").status == 0
    assert [path.name for path in sshd.input.iterdir()] == ["invoices-1.xml"]


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
    assert not (tmp_path / "shop3" / "ledger.sqlite3").exists()


def test_a_job_that_one_host_has_can_be_named_for_all(stage: Stage, office: Office, sshd: SshServer) -> None:
    (office.outbox / "invoices-1.xml").write_text("one")
    own = {"filedrop_jobs_host": {"invoices": office.job("dropoff")}}
    inventory = office.fleet("shop1", "shop2", jobs={"other": office.job("dropoff", enabled=False)}, shop2=own)
    played = stage.play(DROPOFF, "-i", inventory, filedrop_job="invoices")
    assert played.status == 0
    assert "invoices: 1 delivered" in played.output
    assert [path.name for path in sshd.input.iterdir()] == ["invoices-1.xml"]


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
    assert "invoices: failed. " in played.output
    assert sorted(path.name for path in sshd.input.iterdir()) == ["shop2.xml", "shop3.xml"]
    assert (outboxes["shop4"] / "shop4.xml").exists()


def test_the_options_of_deployed_jobs_work_and_the_run_appears_under_the_job_s_name(
    stage: Stage, office: Office, sshd: SshServer, tmp_path: Path
) -> None:
    """Two hosts with shares of a mailbox: what one of them leaves is the other's."""
    secret = tmp_path / "passphrase"
    secret.write_text("not needed for this key\n")
    secret.chmod(0o600)
    office.accounts["amili"]["passphrase_file"] = str(secret)
    for number in range(8):
        sshd.put(f"report-{number}.json", b"{}")
    options = {
        "share": {"index": 0, "count": 2},
        "file_mode": "0640",
        "group": 0,
        "time_limit": "10m",
        "retention": "9d",
    }
    played = stage.play(PICKUP, "-i", office.inventory(reports=office.job("pickup", **options)))
    assert played.status == 0
    fetched = list(office.inbox.iterdir())
    assert 0 < len(fetched) < 8
    assert {path.stat().st_mode & 0o777 for path in fetched} == {0o640}
    with sqlite3.connect(office.ledger) as ledger:
        assert {job for (job,) in ledger.execute("SELECT job FROM transfer")} == {"reports"}


def test_a_private_key_in_the_inventory_is_used_and_leaves_no_trace(
    stage: Stage, office: Office, sshd: SshServer, tmp_path: Path
) -> None:
    (office.outbox / "invoices-1.xml").write_text("one")
    text = Path(str(office.accounts["amili"].pop("private_key_file"))).read_text()
    office.accounts["amili"]["private_key"] = text
    played = stage.play(DROPOFF, "-i", office.inventory(invoices=office.job("dropoff")), "-vvv", "--diff")
    assert played.status == 0
    assert [path.name for path in sshd.input.iterdir()] == ["invoices-1.xml"]
    assert text.splitlines()[2] not in played.output
    assert not [path for path in tmp_path.rglob("key") if path.is_file()]
