# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Does your partner's server keep filedrop's promises? Try it with a test account, before real files move.

    python tests/faults/partner_check --host sftp.example.com --username test --private-key-file key \
        --host-key "ssh-ed25519 AAAA..." --folder input

As it stands, that only connects, looks, and says what a check would do: a dry run. With --run it does it, and asks
before anything that the partner's side could import. It works in the one remote folder that you name, under random
names of its own, and removes what it made.

Exit status: 0 all well, 1 something did not go as promised or was left behind, 2 it could not be done at all.
"""

from __future__ import annotations

import argparse
import getpass
import tempfile
from pathlib import Path

from _engine.config.accounts.account import Account, account_from_options
from _engine.errors import FiledropError
from check import Check
from report import Report


def main(arguments: list[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    report = Report()
    try:
        with tempfile.TemporaryDirectory(prefix="filedrop-partner-check-") as folder:
            check = Check(_account(options), options.folder, Path(folder), report, upload=options.upload)
            check.look()
            if not options.run:
                report.say("dry run", check.plan(), "Add --run to do it. Nothing was changed.")
            elif _agreed(check, options):
                check.try_all()
    except FiledropError as error:
        print(report.text())
        print(f"\nThe check cannot go on: {error} ({error.reason})")
        return 2
    except OSError as error:
        print(f"The check cannot go on: {error}")
        return 2
    print(report.text())
    return 1 if report.worries else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="partner_check", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--host", help="the server; a preset may know it")
    parser.add_argument("--port", type=int, help="default: 22, or what the preset says")
    parser.add_argument("--preset", help="a provider that filedrop knows, such as amili_sftp")
    parser.add_argument("--username", required=True, help="a test account; never one with real files")
    parser.add_argument("--private-key-file", help="the key to log in with")
    parser.add_argument("--ask-password", action="store_true", help="log in with a password, and ask for it")
    parser.add_argument(
        "--host-key", action="append", default=[], help="a public key or SHA256: fingerprint; repeatable"
    )
    parser.add_argument("--folder", required=True, help="the remote folder to try in, and nowhere else")
    parser.add_argument("--upload", choices=("rename", "direct"), help="default: rename where the server lets us")
    parser.add_argument("--timeout", type=float, default=30.0, help="seconds; default: 30")
    parser.add_argument("--run", action="store_true", help="do it, and not only say what would be done")
    parser.add_argument("--yes", action="store_true", help="do not ask: whatever may be imported may be")
    return parser


def _account(options: argparse.Namespace) -> Account:
    password = getpass.getpass(f"Password of {options.username}: ") if options.ask_password else None
    given = {
        "host": options.host,
        "port": options.port,
        "preset": options.preset,
        "username": options.username,
        "private_key_file": options.private_key_file,
        "password": password,
        "host_keys": options.host_key or None,
        "timeout": options.timeout,
        "account": "partner_check",
    }
    return account_from_options({name: value for name, value in given.items() if value is not None})


def _agreed(check: Check, options: argparse.Namespace) -> bool:
    if options.yes:
        return True
    print(check.plan())
    print("Whoever imports files from that folder may import these. Do it only with a test account.")
    try:
        answer = input(f"To go on, type the folder's name ({check.folder}): ")
    except EOFError:
        answer = ""
    if answer == check.folder:
        return True
    check.report.say("not agreed", "Nothing was changed.")
    return False
