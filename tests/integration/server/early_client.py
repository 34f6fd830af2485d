# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A client whose uploads end too early: cut by the network, or closed by itself as if they were complete."""

from __future__ import annotations

import ftplib
import socket
import ssl
import struct
from contextlib import suppress

import paramiko

from .conftest import PASSWORD, DropBox

RESET = struct.pack("ii", 1, 0)


class FtpsWithReuse(ftplib.FTP_TLS):
    """FTPS whose data connections go on with the session of the control connection, as ProFTPD demands."""

    def ntransfercmd(self, cmd: str, rest: int | str | None = None) -> tuple[socket.socket, int | None]:
        conn, size = ftplib.FTP.ntransfercmd(self, cmd, rest)
        assert isinstance(self.sock, ssl.SSLSocket)
        return self.context.wrap_socket(conn, server_hostname=self.host, session=self.sock.session), size


class OverFtp:
    def __init__(self, box: DropBox, account: str, protocol: str) -> None:
        if protocol == "ftps":
            context = ssl.create_default_context(cafile=str(box.configuration / "certificate.pem"))
            secure = FtpsWithReuse(context=context)
            secure.connect("127.0.0.1", box.ports[protocol])
            secure.login(account, PASSWORD)
            secure.prot_p()
            self.ftp: ftplib.FTP = secure
        else:
            self.ftp = ftplib.FTP()
            self.ftp.connect("127.0.0.1", box.ports[protocol])
            self.ftp.login(account, PASSWORD)
        self.rename = self.ftp.rename
        self.remove = self.ftp.delete

    def upload(self, path: str, content: bytes, *, cut: bool = False) -> None:
        data = self.ftp.transfercmd(f"STOR {path}")
        data.sendall(content)
        if cut:
            assert self.ftp.sock is not None
            for end in (data, self.ftp.sock):
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                end.close()
            return
        if isinstance(data, ssl.SSLSocket):
            data = data.unwrap()
        data.close()
        self.ftp.voidresp()

    def close(self) -> None:
        self.ftp.close()


class OverSftp:
    def __init__(self, box: DropBox, account: str) -> None:
        self._sock = socket.create_connection(("127.0.0.1", box.ports["sftp"]))
        self._transport = paramiko.Transport(self._sock)
        self._transport.connect(username=account, password=PASSWORD)
        client = paramiko.SFTPClient.from_transport(self._transport)
        assert client is not None
        self.client = client
        self.rename = client.rename
        self.remove = client.remove

    def upload(self, path: str, content: bytes, *, cut: bool = False) -> None:
        handle = self.client.open(path, "w")
        handle.write(content)
        if cut:
            self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            self._transport.close()
        with suppress(OSError, EOFError):
            handle.close()

    def close(self) -> None:
        self._transport.close()


def early_client(box: DropBox, protocol: str, account: str) -> OverFtp | OverSftp:
    return OverSftp(box, account) if protocol == "sftp" else OverFtp(box, account, protocol)
