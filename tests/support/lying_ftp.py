# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A small FTP server whose answers a test can change: it serves files from memory, over blocking sockets.

with LyingFtp() as server:
    server.files["pickup/a.xml"] = b"..."
    server.hooks["RETR"] = lambda session, path: session.retrieve(path, b"short")
"""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

USER, PASSWORD = "acme", "a pass word"
TIME = "20261129010203"

Hook = Callable[["Session", str], object]
"""Called with the session and the argument in place of what the server would do; True: do that as well."""


class LyingFtp:
    """The server.

    :param certificate: files of a certificate and its key: the server speaks TLS (explicit).
    :param features: the lines of FEAT.
    :ivar files: by path.
    :ivar hooks: by command; ``greeting`` and ``lost`` (the session has ended) are others.
    :ivar heard: all commands, with their arguments.
    :ivar writes: the commands that came together, as far as one read shows it.
    :ivar logins: how many sessions have begun.
    """

    def __init__(
        self,
        *,
        certificate: tuple[str, str] | None = None,
        features: tuple[str, ...] = ("SIZE", "MDTM", "MLST size*;modify*;type*;", "EPSV", "UTF8"),
        folders: tuple[str, ...] = ("", "input", "pickup"),
    ) -> None:
        self.context: ssl.SSLContext | None = None
        if certificate is not None:
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.context.load_cert_chain(*certificate)
        self.features = features
        self.folders = set(folders)
        self.files: dict[str, bytes] = {}
        self.hooks: dict[str, Hook] = {}
        self.heard: list[str] = []
        self.writes: list[list[str]] = []
        self.logins = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._sessions: list[Session] = []

    def account_options(self, **changes: object) -> dict[str, object]:
        found: dict[str, object] = {
            "protocol": "ftps" if self.context else "ftp",
            "host": "127.0.0.1",
            "port": self.port,
            "username": USER,
            "password": PASSWORD,
            "timeout": 5,
        }
        if not self.context:
            found["allow_cleartext"] = True
        return {**found, **changes}

    def __enter__(self) -> LyingFtp:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for session in self._sessions:
            session.end()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                session = Session(self, self._listener.accept()[0])
                self._sessions.append(session)
                threading.Thread(target=session.run, daemon=True).start()


class Session:
    """One session.

    :ivar values: for tests to remember things.
    """

    def __init__(self, server: LyingFtp, connection: socket.socket) -> None:
        self.server = server
        self.control = connection
        self.control.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.passive: socket.socket | None = None
        self.folder = ""
        self.renaming = ""
        self.values: dict[str, Any] = {}
        self._number = server.logins = server.logins + 1

    @property
    def number(self) -> int:
        """Which session of the server this is, from 1."""
        return self._number

    def run(self) -> None:
        with suppress(OSError, EOFError, ssl.SSLError):
            if self._does("greeting", ""):
                self.say("220 ready")
            rest = b""
            while block := self.control.recv(65536):
                *lines, rest = (rest + block).split(b"\r\n")
                commands = [line.decode("utf-8", "surrogateescape") for line in lines]
                self.server.writes.append(commands)
                for command in commands:
                    self.server.heard.append(command)
                    name, _space, argument = command.partition(" ")
                    if self._does(name.upper(), argument):
                        getattr(self, f"do_{name.lower()}", self.unknown)(argument)
        self.end()

    def _does(self, name: str, argument: str) -> bool:
        hook = self.server.hooks.get(name)
        return hook is None or hook(self, argument) is True

    def say(self, text: str) -> None:
        self.control.sendall(text.encode("utf-8", "surrogateescape") + b"\r\n")

    def unknown(self, _argument: str) -> None:
        self.say("502 unknown command")

    def end(self) -> None:
        for connection in (self.control, self.passive):
            if connection is not None:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
                connection.close()

    def path(self, argument: str) -> str:
        found = argument if argument.startswith("/") else f"{self.folder}/{argument}"
        return "/".join(part for part in found.split("/") if part not in ("", "."))

    # --- commands

    def do_auth(self, _argument: str) -> None:
        if self.server.context is None:
            self.say("500 no TLS")
            return
        self.say("234 go on")
        self.control = self.server.context.wrap_socket(self.control, server_side=True)

    def do_user(self, _argument: str) -> None:
        self.say("331 password?")

    def do_pass(self, argument: str) -> None:
        self.say("230 welcome" if argument == PASSWORD else "530 no")

    def do_feat(self, _argument: str) -> None:
        self.say("\r\n".join(["211-Features:", *(f" {line}" for line in self.server.features), "211 End"]))

    def do_opts(self, _argument: str) -> None:
        self.say("200 ok")

    do_type = do_pbsz = do_prot = do_opts

    def do_pwd(self, _argument: str) -> None:
        self.say('257 "/" is here')

    def do_quit(self, _argument: str) -> None:
        self.say("221 bye")
        raise EOFError

    def do_cwd(self, argument: str) -> None:
        if self.path(argument) in self.server.folders:
            self.folder = self.path(argument)
            self.say("250 ok")
        else:
            self.say("550 no such folder")

    def do_cdup(self, _argument: str) -> None:
        self.do_cwd("/" + self.folder.rpartition("/")[0])

    def do_size(self, argument: str) -> None:
        found = self.server.files.get(self.path(argument))
        self.say("550 no such file" if found is None else f"213 {len(found)}")

    def do_mdtm(self, argument: str) -> None:
        self.say(f"213 {TIME}" if self.path(argument) in self.server.files else "550 no such file")

    def do_mlst(self, argument: str) -> None:
        path = self.path(argument)
        if path in self.server.folders:
            self.say(f"250-here\r\n type=dir; {path}\r\n250 end")
        elif path in self.server.files:
            self.say(f"250-here\r\n type=file;size={len(self.server.files[path])};modify={TIME}; {path}\r\n250 end")
        else:
            self.say("550 no such file")

    def do_epsv(self, _argument: str) -> None:
        self.say(f"229 entering (|||{self.listen()}|)")

    def do_pasv(self, _argument: str) -> None:
        port = self.listen()
        self.say(f"227 entering (127,0,0,1,{port // 256},{port % 256})")

    def listen(self) -> int:
        self.passive = socket.create_server(("127.0.0.1", 0))
        return int(self.passive.getsockname()[1])

    def data(self) -> socket.socket:
        """Accept the data connection."""
        assert self.passive is not None
        connection = self.passive.accept()[0]
        self.passive.close()
        self.passive = None
        if self.server.context:
            connection = self.server.context.wrap_socket(connection, server_side=True)
        return connection

    def do_mlsd(self, argument: str) -> None:
        self.listing(argument, lambda name, size: f"type=file;size={size};modify={TIME}; {name}")

    def do_nlst(self, argument: str) -> None:
        self.listing(argument, lambda name, _size: name)

    def do_list(self, argument: str) -> None:
        self.listing(argument, lambda name, size: f"-rw-r--r--   1 me us {size:8} Nov 29 01:02 {name}")

    def listing(self, argument: str, line: Callable[[str, int], str], *, text: str = "226 done") -> None:
        folder = self.path(argument)
        if folder not in self.server.folders:
            self.say("550 no such folder")
            return
        inside = [
            (path.rpartition("/")[2], len(body))
            for path, body in self.server.files.items()
            if path.rpartition("/")[0] == folder
        ]
        self.send_lines([line(*one) for one in inside], text=text)

    def send_lines(self, lines: list[str], *, text: str = "226 done", end: str = "\r\n") -> None:
        content = "".join(line + end for line in lines).encode("utf-8", "surrogateescape")
        self.send_data(content, text=text)

    def do_retr(self, argument: str) -> None:
        found = self.server.files.get(self.path(argument))
        if found is None:
            self.say("550 no such file")
        else:
            self.send_data(found)

    def send_data(self, content: bytes, *, text: str = "226 done", ends_tls: bool = True) -> None:
        self.say("150 here it comes")
        data = self.data()
        data.sendall(content)
        if isinstance(data, ssl.SSLSocket) and ends_tls:
            data.settimeout(0)
            with suppress(OSError):
                data.unwrap()
        data.shutdown(socket.SHUT_RDWR)
        data.close()
        if text:
            self.say(text)

    def do_stor(self, argument: str) -> None:
        self.store(argument)

    def store(self, argument: str, *, keep: int | None = None, text: str = "226 done", wait: float = 0.0) -> None:
        """Take an upload.

        :param keep: how many of its bytes to keep.
        """
        path = self.path(argument)
        if path.rpartition("/")[0] not in self.server.folders:
            self.say("550 no such folder")
            return
        self.server.files[path] = b""
        self.say("150 go on")
        data, content = self.data(), b""
        with suppress(OSError):
            while block := data.recv(65536):
                content += block
                self.server.files[path] = content[:keep]
        data.close()
        time.sleep(wait)
        if text:
            self.say(text)

    def do_rnfr(self, argument: str) -> None:
        self.renaming = self.path(argument)
        self.say("350 go on" if self.renaming in self.server.files else "550 no such file")

    def do_rnto(self, argument: str) -> None:
        if self.renaming in self.server.files:
            self.server.files[self.path(argument)] = self.server.files.pop(self.renaming)
            self.say("250 renamed")
        else:
            self.say("503 what?")

    def do_dele(self, argument: str) -> None:
        found = self.server.files.pop(self.path(argument), None)
        self.say("550 no such file" if found is None else "250 deleted")

    def do_mkd(self, argument: str) -> None:
        self.server.folders.add(self.path(argument))
        self.say(f'257 "{argument}" made')
