# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Mistakes in the variables of the drop-off and pickup playbooks. They are told before any file moves."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from support.sshd import SshServer

from .conftest import LOCAL

if TYPE_CHECKING:
    from .conftest import Office, Stage

DROPOFF = "courier.filedrop.dropoff"
PICKUP = "courier.filedrop.pickup"
WRAPPERS = re.compile(r"Ansible(Unicode|Filter|Sequence|Mapping)|_Ansible|Traceback|template error|Jinja")


def lines_of(output: str) -> str:
    """The output with the line breaks of JSON as lines."""
    return output.replace("\\n", "\n")


def refusal(stage: Stage, office: Office, sshd: SshServer, playbook: str, inventory: str, **variables: object) -> str:
    """What the playbook says, after it has refused to move anything."""
    (office.outbox / "invoices-1.xml").write_text("one")
    there = sshd.put("report-1.json", b"{}")
    played = stage.play(playbook, "-i", inventory, **variables)
    assert played.status != 0
    assert not list(sshd.input.iterdir())
    assert there.exists()
    assert not office.ledger.exists()
    assert not WRAPPERS.search(played.output)
    return lines_of(played.output)


@pytest.mark.parametrize(
    ("playbook", "option", "told"),
    [
        (DROPOFF, {"inclde": ["*.xml"]}, "filedrop_jobs.wrong.inclde: unknown option. Did you mean include?"),
        (DROPOFF, {"aftr": "keep"}, "filedrop_jobs.wrong.aftr: unknown option. Did you mean after?"),
        (DROPOFF, {"after": "kep"}, "filedrop_jobs.wrong.after: 'kep' is not a valid value."),
        (
            DROPOFF,
            {"dest": "/srv"},
            "filedrop_jobs.wrong.dest: unknown option. It is an option for jobs with direction",
        ),
        (DROPOFF, {"direction": "dropof"}, "filedrop_jobs.wrong.direction: 'dropof' is not a valid value."),
        (DROPOFF, {"direction": None}, "filedrop_jobs.wrong.direction: this option is missing."),
        (DROPOFF, {"account": "nobody"}, "'nobody' is not defined in filedrop_accounts, which has: amili."),
        (DROPOFF, {"account": None}, "filedrop_jobs.wrong.account: this option is missing. Set it to one of"),
        (DROPOFF, {"src": "outbox"}, "filedrop_jobs.wrong.src: 'outbox' is not an absolute path."),
        (DROPOFF, {"time_limit": "5 minutes"}, "filedrop_jobs.wrong.time_limit: '5 minutes' is not a duration."),
        (DROPOFF, {"enabled": "no"}, "filedrop_jobs.wrong.enabled: 'no' is neither true nor false."),
        (DROPOFF, {"settle": "{{ nothing_here }}"}, "filedrop_jobs: the template in its value cannot be evaluated"),
        (PICKUP, {"aftr": "keep", "direction": "pickup"}, "filedrop_jobs.wrong.aftr: unknown option."),
        (PICKUP, {"direction": "dropof"}, "filedrop_jobs.wrong.direction: 'dropof' is not a valid value."),
    ],
)
def test_a_mistake_in_one_job_keeps_all_jobs_from_running(
    stage: Stage, office: Office, sshd: SshServer, playbook: str, option: dict[str, Any], told: str
) -> None:
    kind = option.get("direction") if option.get("direction") == "pickup" else "dropoff"
    right = {"invoices": office.job("dropoff"), "reports": office.job("pickup")}
    inventory = office.inventory(**right, wrong={**office.job(str(kind)), **option})
    assert told in refusal(stage, office, sshd, playbook, inventory)


@pytest.mark.parametrize(
    ("option", "told"),
    [
        ({"hots": "x"}, "filedrop_accounts.amili.hots: unknown option. Did you mean host?"),
        ({"port": "ssh"}, "filedrop_accounts.amili.port: 'ssh' is not a whole number."),
        ({"host_keys": []}, "filedrop_accounts.amili.host_keys: this option is missing"),
        ({"passwrd": "hush"}, "filedrop_accounts.amili.passwrd: unknown option. Did you mean password?"),
    ],
)
def test_a_mistake_in_an_account_is_told_before_any_job_runs(
    stage: Stage, office: Office, sshd: SshServer, option: dict[str, Any], told: str
) -> None:
    office.accounts["amili"].update(option)
    output = refusal(stage, office, sshd, DROPOFF, office.inventory(invoices=office.job("dropoff")))
    assert told in output
    assert "hush" not in output


@pytest.mark.parametrize(
    ("variables", "told"),
    [
        ({"filedrop_job": "invoces"}, "'invoces' is not a job with direction dropoff. filedrop_jobs has: invoices."),
        ({"filedrop_job": "invoces"}, "Did you mean invoices?"),
        ({"filedrop_job": ["invoices", "reports"]}, "'reports' is not a job with direction dropoff."),
        ({"filedrop_job": ""}, "filedrop_job: it names no job."),
        ({"filedrop_job": []}, "filedrop_job: it names no job."),
        ({"filedrop_job": None}, "filedrop_job: it names no job."),
        ({"filedrop_job": {"invoices": True}}, "filedrop_job: the value must be text or a list of texts"),
        ({"filedrop_jobs_host": ["invoices"]}, "filedrop_jobs_host: the value must be a dictionary, but is a list"),
        ({"filedrop_jobs_host": {"invoices": None}}, "there is no job with direction dropoff. Define one"),
        ({"filedrop_hosts": "shpos"}, "filedrop_hosts: 'shpos' matches no host of the inventory."),
        ({"filedrop_hosts": "erp1,nope"}, "filedrop_hosts: 'nope' matches no host of the inventory."),
        (
            {"filedrop_hosts": ["erp:!erp2"]},
            "'erp2' matches no host of the inventory. Correct the name.",
        ),
        ({"filedrop_serial": "abc"}, "filedrop_serial: 'abc' is neither a number of hosts nor a percentage."),
        ({"filedrop_serial": 0}, "filedrop_serial: 0 is neither a number of hosts nor a percentage."),
        ({"filedrop_ledger": "ledger.sqlite3"}, "filedrop_ledger: 'ledger.sqlite3' is not an absolute path."),
        ({"filedrop_jbo": "x"}, "filedrop_jbo: unknown variable"),
        ({"filedrop_jbo": "x"}, "Did you mean filedrop_job?"),
    ],
)
def test_a_mistaken_choice_is_refused(
    stage: Stage, office: Office, sshd: SshServer, variables: dict[str, Any], told: str
) -> None:
    inventory = office.inventory(invoices=office.job("dropoff"), reports=office.job("pickup"))
    assert told in refusal(stage, office, sshd, DROPOFF, inventory, **variables)


def test_all_mistakes_of_a_host_are_told_at_once_and_each_once(stage: Stage, office: Office, sshd: SshServer) -> None:
    office.accounts["amili"].update(prt=22, timeout="long")
    wrong = {"inclde": "*.xml", "after": "kep", "settle": "soon"}
    output = refusal(stage, office, sshd, DROPOFF, office.inventory(invoices=office.job("dropoff", **wrong)))
    (message,) = re.findall(r'FAILED! => .*?"msg": "(.*?)"}', output, re.DOTALL)
    assert [line.split(":")[0] for line in message.splitlines()] == [
        "filedrop_accounts.amili.prt",
        "filedrop_accounts.amili.timeout",
        "filedrop_jobs.invoices.inclde",
        "filedrop_jobs.invoices.settle",
        "filedrop_jobs.invoices.after",
    ]


def test_a_mistake_on_one_host_keeps_the_others_from_moving_files(
    stage: Stage, office: Office, sshd: SshServer, tmp_path: Path
) -> None:
    (office.outbox / "invoices-1.xml").write_text("one")
    inventory = office.fleet(
        *("shop1", "shop2"),
        jobs={"invoices": office.job("dropoff")},
        shop2={"filedrop_jobs_host": {"invoices": {"inclde": "x"}}},
    )
    played = stage.play(DROPOFF, "-i", inventory, filedrop_serial=1)
    assert played.status != 0
    assert "filedrop_jobs.invoices.inclde" in played.output
    assert not list(sshd.input.iterdir())
    assert not (tmp_path / "shop1" / "ledger.sqlite3").exists()


def test_a_mistake_in_a_later_batch_is_told_before_the_first_one_is_looked_at(
    stage: Stage, office: Office, tmp_path: Path
) -> None:
    """The first host has no connection, so that nothing on this machine changes."""
    away = {"ansible_connection": "ssh", "ansible_host": "127.0.0.1", "ansible_port": 1}
    inventory = office.fleet(
        *("shop1", "shop2"),
        jobs={"invoices": office.job("dropoff")},
        shop1=away,
        shop2={**away, "filedrop_jobs_host": {"invoices": {"inclde": "x"}}},
    )
    played = stage.play("courier.filedrop.jobs", "-i", inventory, filedrop_serial=1)
    assert played.status != 0
    assert "filedrop_jobs.invoices.inclde" in played.output
    assert "UNREACHABLE" not in played.output
    assert "PLAY [Deploy jobs]" not in played.output


@pytest.mark.parametrize("playbook", ["jobs", "remove", "quickstart"])
def test_the_other_playbooks_refuse_unknown_variables_too(stage: Stage, tmp_path: Path, playbook: str) -> None:
    inventory = tmp_path / "hosts.json"
    inventory.write_text(json.dumps({"erp": {"hosts": {"localhost": {**LOCAL, "filedrop_qickstart_folder": "x"}}}}))
    played = stage.play(f"courier.filedrop.{playbook}", "-i", str(inventory))
    assert played.status != 0
    assert "Did you mean filedrop_quickstart_folder?" in played.output
    assert played.counts["changed"] == 0


def test_removal_refuses_invalid_variables_in_its_own_words(stage: Stage, tmp_path: Path) -> None:
    inventory = tmp_path / "hosts.json"
    wrong = {"filedrop_remove_ledger": "maybe", "filedrop_remove_wait": "long"}
    inventory.write_text(json.dumps({"erp": {"hosts": {"localhost": {**LOCAL, **wrong}}}}))
    played = stage.play("courier.filedrop.remove", "-i", str(inventory))
    assert played.status != 0
    assert played.counts["changed"] == 0
    assert "argument_errors" not in played.output
    (message,) = re.findall(r'FAILED! => .*?"msg": "(.*?)"}', played.output)
    ledger, wait = message.split("\\n")
    assert "filedrop_remove_ledger: 'maybe' is neither true nor false." in ledger
    assert "filedrop_remove_wait: 'long' is not a whole number." in wait


def test_all_mistakes_in_the_variables_of_the_role_are_told_at_once(stage: Stage, tmp_path: Path) -> None:
    inventory = tmp_path / "hosts.json"
    wrong = {
        "filedrop_scheduler": "upstart",
        "filedrop_spread": "5m",
        "filedrop_groups": "erp",
        "filedrop_pip_packages": "paramiko",
        "filedrop_user": "root",
        "filedrop_accounts": ["amili"],
        "filedrop_jobs": {"a": {"direction": "dropoff", "src": "/srv", "acount": "x"}},
    }
    inventory.write_text(json.dumps({"erp": {"hosts": {"localhost": {**LOCAL, **wrong}}}}))
    played = stage.play("courier.filedrop.jobs", "-i", str(inventory))
    assert played.status != 0
    assert not WRAPPERS.search(played.output)
    (message,) = re.findall(r'FAILED! => .*?"msg": "(.*?)"}', played.output)
    assert sorted(line.split(":")[0] for line in message.split("\\n")) == [
        *("filedrop_accounts", "filedrop_groups", "filedrop_jobs.a.account", "filedrop_jobs.a.acount"),
        *("filedrop_pip_packages", "filedrop_scheduler", "filedrop_spread", "filedrop_user"),
    ]
