# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Sandboxes that serve FTP and FTPS, and clients of Python's own ftplib."""

from __future__ import annotations

import ftplib
import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.courier.filedrop.plugins.module_utils._sandbox.accounts import account
from ansible_collections.courier.filedrop.plugins.module_utils._sandbox.sandbox import Sandbox

USER, PASSWORD = "alice", "correct horse"


class Client(ftplib.FTP_TLS):
    """ftplib, as a client of FTPS that resumes its session, or of FTP."""

    def __init__(self, ca_file: str | None = None, *, resumes: bool = True) -> None:
        context = ssl.create_default_context(cafile=ca_file) if ca_file else None
        super().__init__(timeout=5, context=context)
        self.encoding = "utf-8"
        self._resumes = resumes

    def ntransfercmd(self, cmd: str, rest: Any = None) -> tuple[Any, int | None]:
        conn, size = ftplib.FTP.ntransfercmd(self, cmd, rest)
        if isinstance(self.sock, ssl.SSLSocket):
            session = self.sock.session if self._resumes else None
            conn = self.context.wrap_socket(conn, server_hostname=self.host, session=session)
        return conn, size

    def wait_at_most(self, seconds: float) -> None:
        if self.sock is not None:
            self.sock.settimeout(seconds)

    def content(self, path: str) -> bytes:
        chunks: list[bytes] = []
        self.retrbinary(f"RETR {path}", chunks.append)
        return b"".join(chunks)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Sandbox]]:
    """Starts sandboxes with one account that has a password; stopped at the end."""
    with ExitStack() as stack:
        yield lambda *faults, protocols=("ftps", "ftp"), **options: stack.enter_context(
            Sandbox(
                options.pop("path", tmp_path / "sandbox"),
                accounts=[account(USER, password=PASSWORD)],
                protocols=protocols,
                faults=faults,
                **options,
            )
        )


@pytest.fixture
def connect() -> Iterator[Callable[..., Client]]:
    """Logs in over FTPS, or without TLS over FTP."""
    with ExitStack() as stack:

        def login(sandbox: Sandbox, *, tls: bool = True, password: str = PASSWORD, **options: Any) -> Client:
            client = Client(sandbox.ca_file if tls else None, **options)
            stack.callback(client.close)
            client.connect(sandbox.host, sandbox.ftp_port)
            if tls:
                client.login(USER, password)
                client.prot_p()
            else:
                ftplib.FTP.login(client, USER, password)
            client.voidcmd("TYPE I")
            return client

        yield login
    with suppress(OSError):
        stack.close()
