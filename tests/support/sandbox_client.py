# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Clients and keys for tests of the sandbox: one says exactly what a test wants, packet by packet."""

from __future__ import annotations

import struct
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import paramiko
from ansible_collections.courier.filedrop.plugins.module_utils._sandbox import hostkeys
from ansible_collections.courier.filedrop.plugins.module_utils._sandbox.sandbox import Sandbox
from ansible_collections.courier.filedrop.plugins.module_utils._sandbox.wire import Kind

USERNAME = "2001234"


@dataclass(frozen=True)
class Key:
    """A client's key pair."""

    path: Path
    public: str

    def load(self) -> paramiko.PKey:
        return paramiko.Ed25519Key.from_private_key_file(str(self.path))


def make_key(folder: Path, name: str = "client") -> Key:
    """A key pair made by the sandbox's own means, so that no program is needed for it."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    hostkeys._create(str(path), "ed25519")
    key = paramiko.Ed25519Key.from_private_key_file(str(path))
    return Key(path, f"{key.get_name()} {key.get_base64()} {name}")


def connect(sandbox: Sandbox, key: Key, username: str = USERNAME) -> paramiko.Transport:
    """Log in as a client that trusts the sandbox's key and no other."""
    transport = paramiko.Transport(
        (sandbox.host, sandbox.port), default_window_size=1 << 24, default_max_packet_size=1 << 18
    )
    transport.start_client(timeout=10)
    offered = transport.get_remote_server_key()
    trusted = f"{offered.get_name()} {offered.get_base64()}" in sandbox.host_keys
    if trusted:
        transport.auth_publickey(username, key.load())
        return transport
    transport.close()
    raise LookupError("the host key is none of those that the sandbox tells")


def text(value: bytes) -> bytes:
    return struct.pack(">I", len(value)) + value


@dataclass
class Packet:
    """An answer, taken apart no further than type and number."""

    kind: int
    number: int
    body: bytes

    @property
    def code(self) -> int:
        """Of a STATUS."""
        return int.from_bytes(self.body[:4], "big")

    @property
    def first(self) -> bytes:
        """The first string: of a HANDLE, the handle."""
        return self.body[4 : 4 + int.from_bytes(self.body[:4], "big")]


@dataclass
class Raw:
    """A client that says exactly what a test wants, packet by packet."""

    channel: Any
    buffer: bytes = b""
    number: int = 0
    answers: dict[int, Packet] = field(default_factory=dict)

    def send(self, kind: int, body: bytes = b"") -> int:
        """Send a request without waiting. Returns its number."""
        self.number += 1
        self.channel.sendall(struct.pack(">IBI", len(body) + 5, kind, self.number) + body)
        return self.number

    def ask(self, kind: int, body: bytes = b"") -> Packet:
        return self.answer(self.send(kind, body))

    def hello(self) -> Packet:
        """The handshake; the answer's number is the server's version."""
        self.channel.sendall(struct.pack(">IBI", 5, Kind.INIT, 3))
        return self.receive()

    def answer(self, number: int) -> Packet:
        """The answer to one request, whichever come before it. :raises EOFError: the channel ended."""
        while number not in self.answers:
            packet = self.receive()
            self.answers[packet.number] = packet
        return self.answers.pop(number)

    def receive(self) -> Packet:
        while len(self.buffer) < 4 or len(self.buffer) < 4 + int.from_bytes(self.buffer[:4], "big"):
            chunk = self.channel.recv(1 << 18)
            if not chunk:
                raise EOFError
            self.buffer += chunk
        length = int.from_bytes(self.buffer[:4], "big")
        packet, self.buffer = self.buffer[4 : 4 + length], self.buffer[4 + length :]
        return Packet(packet[0], int.from_bytes(packet[1:5], "big"), packet[5:])

    def open(self, path: bytes, flags: int) -> Packet:
        return self.ask(Kind.OPEN, text(path) + struct.pack(">II", flags, 0))

    def write(self, handle: bytes, offset: int, data: bytes) -> Packet:
        return self.ask(Kind.WRITE, text(handle) + struct.pack(">Q", offset) + text(data))


def begin(transport: paramiko.Transport) -> Raw:
    """Open a channel and do the handshake of SFTP."""
    channel = transport.open_session()
    channel.settimeout(20)
    channel.invoke_subsystem("sftp")
    raw = Raw(channel)
    raw.hello()
    return raw


def program(*words: str | Path, feed: str = "", **options: Any) -> subprocess.CompletedProcess[str]:
    """Run a program to its end, with all that it says."""
    return subprocess.run(
        [str(word) for word in words],
        input=feed,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=180,
        check=False,
        **options,
    )
