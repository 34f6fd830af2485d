# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The upgrade of a host from 0.1.0: its keys stay, its jobs go on, and its old ledger is left alone."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from support.pages import CHECKOUT
from support.sshd import SshServer

from .first import HOUR, make_folders, run, write_inventory

OLD = CHECKOUT / "build" / "0.1.0"
LEDGER = Path("/var/lib/filedrop/ledger.sqlite3")
DEPLOY = "ansible-playbook courier.filedrop.jobs -i inventory.yml"
SEND = "ansible-playbook courier.filedrop.dropoff -i inventory.yml --become"


def install(artefact: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = Path.cwd() / artefact.name
    run(f"ansible-galaxy collection install --offline --collections-path {folder} {artefact}")
    monkeypatch.setenv("ANSIBLE_COLLECTIONS_PATH", str(folder))


def new_invoice(name: str) -> None:
    path = Path("/srv/erp/outbox", name)
    path.write_text(name)
    os.utime(path, (path.stat().st_mtime - HOUR,) * 2)


@pytest.mark.skipif(not OLD.exists(), reason="the clone has no history, so 0.1.0 cannot be built")
def test_an_upgrade_from_0_1_0(user: Path, sshd: SshServer, monkeypatch: pytest.MonkeyPatch) -> None:
    (old,) = OLD.glob("courier-filedrop-0.1.0.tar.gz")
    (new,) = (CHECKOUT / "build").glob("courier-filedrop-*.tar.gz")
    make_folders()
    write_inventory(sshd)
    install(old, monkeypatch)
    run(DEPLOY)
    key = Path("/etc/filedrop/keys/amili").read_bytes()
    sshd.authorize([Path("/etc/filedrop/keys/amili.pub").read_text()])
    new_invoice("invoices-1.xml")
    run(SEND)
    job, crontab = Path("/etc/filedrop/jobs/invoices.json").read_text(), Path("/etc/cron.d/filedrop").read_text()
    ledger = LEDGER.read_bytes()

    install(new, monkeypatch)
    assert "changed=0" not in run(DEPLOY)
    assert "changed=0" in run(DEPLOY)
    assert Path("/etc/filedrop/keys/amili").read_bytes() == key
    assert json.loads(Path("/etc/filedrop/jobs/invoices.json").read_text()) == json.loads(job)
    assert crontab.count("filedrop run invoices") == Path("/etc/cron.d/filedrop").read_text().count(
        "filedrop run invoices"
    )

    new_invoice("invoices-2.xml")
    assert '"reason": "ledger_version"' in run("filedrop run invoices --json", status=3)
    assert LEDGER.read_bytes() == ledger
    assert [path.name for path in sshd.input.iterdir()] == ["invoices-1.xml"]

    for path in LEDGER.parent.glob("ledger.sqlite3*"):
        path.rename(path.with_name(f"old-{path.name}"))
    run("setpriv --reuid filedrop --regid filedrop --init-groups filedrop init")
    run(SEND)
    assert sorted(path.name for path in sshd.input.iterdir()) == ["invoices-1.xml", "invoices-2.xml"]
