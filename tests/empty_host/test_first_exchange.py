# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""docs/first-exchange.md, command by command, on an empty Debian 13 host, with OpenSSH in the place of Amili."""

from __future__ import annotations

import os
from pathlib import Path

from support.pages import CHECKOUT
from support.sshd import SshServer

from .first import COMMANDS, HOUR, make_folders, run, write_inventory

OF_APT = "apt install --yes "


def test_the_commands_of_the_page_deliver_a_file(user: Path, sshd: SshServer) -> None:
    packages, collection, onboard, jobs, dropoff = COMMANDS
    # The host has no network. It has the library, and this virtual environment has Ansible.
    assert packages.startswith(OF_APT)
    assert set(packages.removeprefix(OF_APT).split()) == {"ansible-core", "python3-paramiko"}
    (artefact,) = (CHECKOUT / "build").glob("courier-filedrop-*.tar.gz")
    run(collection.replace("courier.filedrop", f"--offline {artefact}"))
    make_folders()
    write_inventory(sshd)

    assert "not registered" in run(onboard)
    sshd.authorize(list(map(Path.read_text, Path("filedrop-onboard").glob("*.pub"))))
    assert "registered: the login works" in run(onboard)
    run(jobs)
    sent = Path("/srv/erp/outbox/invoices-2026-04-10.xml")
    sent.write_text("<invoice/>")
    os.utime(sent, (sent.stat().st_mtime - HOUR,) * 2)
    assert "invoices: 1 delivered" in run(dropoff)
    assert (sshd.input / sent.name).read_text() == "<invoice/>"
    assert (sent.parent / "archive" / sent.name).exists()
    assert sent.name in run("filedrop history invoices")
