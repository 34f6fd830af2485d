# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run a sandbox in the foreground.

python -m ansible_collections.courier.filedrop.plugins.module_utils._sandbox.cli --path FOLDER --public-key FILE
"""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import replace

from .._engine._paramiko import require
from .._engine.errors import FiledropError, InputError
from . import catalogue, daemon, hostkeys, state
from .accounts import account
from .ftp import certificate
from .sandbox import base_url_of, folders_of, tls_folder_of
from .server import HOST
from .state import PROTOCOLS, Lock, Settings


def main(arguments: list[str] | None = None) -> int:
    """Serve until Ctrl-C. Return the exit status."""
    options = _parser().parse_args(arguments)
    try:
        _serve(os.path.abspath(options.path), options)
    except FiledropError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    except OSError as error:
        sys.stderr.write(f"{state.cannot_use(options.path, error)}\n")
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="sandbox",
        description="A local SFTP provider for tests. Never use it for real data.",
    )
    parser.add_argument("--path", required=True, metavar="FOLDER", help="the sandbox's folder; kept for the next start")
    parser.add_argument("--port", type=int, help="port on loopback; default: the last one, or a free one")
    parser.add_argument("--username", default="sandbox", help="the account's name; default: sandbox")
    parser.add_argument(
        "--public-key", action="append", metavar="FILE", help="file of a public key to register; repeatable"
    )
    parser.add_argument(
        "--protocol",
        action="append",
        choices=PROTOCOLS,
        default=[],
        help="serve this protocol besides SFTP; repeatable. FTP and FTPS need pyftpdlib and pyOpenSSL",
    )
    parser.add_argument(
        "--password-file", metavar="FILE", help="file with the account's password; all but SFTP need it"
    )
    parser.add_argument(
        "--lifetime", type=float, default=86400.0, help="seconds without use after which it ends; default: one day"
    )
    parser.add_argument("--import-delay", type=float, default=0.0, help="seconds before a complete file is taken")
    parser.add_argument(
        "--fault",
        action="append",
        default=[],
        metavar="NAME[:KEY=VALUE,...]",
        help="misbehave in this way, such as write_fails:bytes=1000,times=1; repeatable. Known faults: "
        + ", ".join(catalogue.CATALOGUE),
    )
    return parser


def _serve(path: str, options: argparse.Namespace) -> None:
    require()
    state.make_folder(path)
    with daemon.changing(path):
        lock = Lock.take(path, wait=0.2)
        if lock is None:
            raise InputError(
                "sandbox_running", f"The sandbox in {path} is already running.", "Stop it, or use another folder."
            )
        # The record of a killed process must not be taken for this one's.
        state.save_serving(path, None)
    settings = _settings(path, options)
    daemon.require_for(settings)
    listener = daemon.listen_on(settings.port, fixed=options.port is not None)
    port = listener.getsockname()[1]
    settings = replace(settings, port=port)
    state.save_settings(path, settings)

    def ready() -> None:
        out = [f"Serving SFTP on {HOST}, port {port}. Press Ctrl-C to stop.", "Host keys:"]
        out += [f"  {line}" for line in hostkeys.stored_lines(os.path.join(path, "host_keys"))]
        ports = state.load_ports(path)
        named = " and ".join(name.upper() for name in settings.protocols if name != "amili_api")
        if named:
            out.append(f"Serving {named} on port {ports['ftp']}.")
        if "amili_api" in settings.protocols:
            out.append(f"Serving the files API at {base_url_of(ports['amili_api'])}, and its tokens at /token there.")
        if "ftps" in settings.protocols:
            out.append(f"Serving FTPS with TLS from the first byte on port {ports['implicit']}.")
            out.append(f"Certificate: {certificate.path_of(tls_folder_of(path))}")
        out += [f"Account {one.username}: {folders_of(path, one.username).root}" for one in settings.accounts]
        sys.stdout.write("\n".join(out) + "\n")
        sys.stdout.flush()

    daemon.log_to(path)
    daemon.run(path, lock, listener, settings, ready)


def _settings(path: str, options: argparse.Namespace) -> Settings:
    """Combine the last settings with the options of this call."""
    faults = tuple(catalogue.from_text(one) for one in options.fault)
    before = state.load_settings(path)
    accounts = before.accounts if before is not None else ()
    if options.public_key or options.password_file:
        keys = [_read(name) for name in options.public_key or ()]
        password = _read(options.password_file).rstrip("\n") if options.password_file else None
        named = account(options.username, public_keys=keys, password=password)
        accounts = (*(one for one in accounts if one.username != named.username), named)
    if not accounts:
        raise InputError(
            "no_accounts",
            "The sandbox has no account.",
            "Register a key with --public-key FILE, or a password with --password-file FILE.",
        )
    port = options.port if options.port is not None else before.port if before is not None else None
    catalogue.check_accounts(faults, accounts)
    protocols = tuple(name for name in PROTOCOLS if name in options.protocol)
    return Settings(accounts, port, options.lifetime, options.import_delay, faults, protocols)


def _read(name: str) -> str:
    try:
        with open(name, encoding="utf-8", errors="replace") as file:
            return file.read(65536)
    except OSError as error:
        raise InputError(
            "file_unreadable",
            f"The file {name} cannot be read: {error.strerror}.",
            "Give the file of a public key (.pub), or of a password.",
        ) from None


if __name__ == "__main__":
    raise SystemExit(main())
