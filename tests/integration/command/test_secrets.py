# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""No subcommand shows a secret, with --verbose and --debug, when it works and when it fails."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from secrets import token_hex

import pytest
from ansible_collections.courier.filedrop.plugins.module_utils._engine.command.parser import make_parser
from support.command import Host, prepared
from support.lookout import Lookout
from support.sshd import SshServer, make_key

PASSPHRASE, WRONG = (f"kq7-{token_hex(8)}" for _each in range(2))
WORDS: dict[str, tuple[str, ...]] = {
    "init": (),
    "run": ("invoices",),
    "export": ("invoices", "--dry-run"),
    "check": (),
    "status": (),
    "history": (),
    "list": ("reports",),
    "resolve": ("invoices", "one.xml", "--resend"),
    "keygen": ("acme",),
    "place": ("/etc/hostname", "--account", "acme"),
}


def test_the_lookout_sees_a_command_line_and_an_environment() -> None:
    with Lookout("kq7-argument", "kq7-variable") as lookout:
        command = [sys.executable, "-c", "import time; time.sleep(0.5)", "kq7-argument"]
        subprocess.run(command, env={"WORD": "kq7-variable"}, check=True)
    assert lookout.seen == {"secret 0 in cmdline", "secret 1 in environ"}


def test_no_subcommand_shows_a_secret(system_host: Host, start_sshd: Callable[..., SshServer]) -> None:
    assert set(make_parser().subcommands) == set(WORDS)
    host = prepared(system_host)
    key = make_key(host.folder / "locked", passphrase=PASSPHRASE)
    server = start_sshd(password=True, authorized=[key.public])
    if server.password is None:
        pytest.skip("only root can make users with a password")
    (host.outbox / "one.xml").write_text("one")
    secrets = host.config / "keys"
    for name, secret in (("right", server.password), ("locked", PASSPHRASE), ("wrong", WRONG)):
        (secrets / name).write_text(f"{secret}\n")
        (secrets / name).chmod(0o600)
    account = server.account_options(private_key_file=str(key.path))
    nobody = {**account, "private_key_file": None}
    accounts: list[dict[str, object]] = [
        {**account, "passphrase_file": "credential:locked"},
        {**account, "passphrase_file": "credential:wrong"},
        {**nobody, "password_file": "credential:right"},
        {**nobody, "password_file": "credential:wrong"},
        {**nobody, "password": f"{WRONG}\0"},
    ]
    lookout = Lookout(server.password, PASSPHRASE, WRONG)
    lookout.add_key(key.path)
    with lookout:
        for options in accounts:
            host.account("acme", options)
            for subcommand, words in WORDS.items():
                ended = host.run(subcommand, *words, "--verbose", "--debug")
                lookout.look(subcommand, ended.out + ended.err)
    lookout.look_below(host.folder, but=[key.path, secrets, host.config / "accounts"])
    assert lookout.seen == set()
