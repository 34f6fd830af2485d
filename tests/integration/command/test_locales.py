# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Names of files are UTF-8, whatever the locale of a run."""

from __future__ import annotations

import pytest
from support.command import Host
from support.desk import digests
from support.sshd import SshServer

NAMES = ["faktura-\u00e6\u00f8\u00e5.xml", "\u6f22\u5b57.xml", "re\u0301sume\u0301.xml", "plain.xml"]
LOCALES = {
    "LANG=C": {"LC_ALL": "", "LANG": "C"},
    "LC_ALL=C": {"LC_ALL": "C"},
    "LC_ALL=POSIX": {"LC_ALL": "POSIX"},
    "C without UTF-8": {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    "no such locale": {"LC_ALL": "xx_XX.ISO-8859-15"},
    "latin-1": {},
}


@pytest.mark.parametrize("locale", LOCALES)
def test_names_are_utf_8_in_every_locale(host: Host, sshd: SshServer, latin_1: dict[str, str], locale: str) -> None:
    env = LOCALES[locale] or latin_1
    host.dropoff()
    host.pickup()
    assert host.run("init", env=env).status == 0
    for name in NAMES:
        (host.outbox / name).write_bytes(name.encode())
        sshd.put(name, name.encode())
    sent = digests(host.outbox)
    for job in ("invoices", "reports"):
        told = host.run("run", job, "--json", "-v", env=env)
        assert told.status == 0, told
        assert {file["name"] for file in told.document["files"]} == set(NAMES)
    assert digests(sshd.input) == digests(host.inbox) == sent
