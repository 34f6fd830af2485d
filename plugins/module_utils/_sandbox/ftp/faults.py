# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Faults that only FTP and FTPS can have: of commands, of data connections and of certificates."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from ..faults import Aim, Command, Fault
from . import certificate

ANY = "any"

#: The commands that these faults can concern.
COMMANDS = (
    "auth", "dele", "epsv", "feat", "list", "mdtm", "mkd", "mlsd", "nlst", "opts", "pass", "pasv", "prot", "retr",
    "rnfr", "rnto", "size", "stor", "type", "user",
)  # fmt: skip


def is_meant(command: str, call: Command) -> bool:
    """Whether the command is the one in a fault's parameter ``command``."""
    return command in (ANY, call.name.lower())


@dataclass(eq=False)
class CommandRefused(Fault):
    """Do not know a command, nor offer it in the answer to FEAT."""

    command_name: str
    aim: Aim = field(default_factory=Aim)

    def command(self, call: Command, go: Callable[[], None]) -> None:
        if call.name == "FEAT":
            # MLSD is offered as MLST.
            name = self.command_name.upper()
            call.control.refuse(*(("MLSD", "MLST") if name == "MLSD" else (name,)))
        if is_meant(self.command_name, call) and self.aim.hits(call.username):
            call.control.respond("502 Command not implemented.")
        else:
            go()


@dataclass(eq=False)
class ServiceCloses(Fault):
    """Answer a command with 421, and close the connection; with ``after``, while a transfer goes on."""

    command_name: str
    moment: str
    aim: Aim = field(default_factory=Aim)

    def command(self, call: Command, go: Callable[[], None]) -> None:
        if not is_meant(self.command_name, call) or not self.aim.hits(call.username):
            go()
            return
        if self.moment == "after":
            go()
        call.control.respond("421 Service not available, closing control connection.")
        call.control.close_when_done()


@dataclass(eq=False)
class ReplyTwice(Fault):
    """Send the reply to a command twice, so all later replies are out of step."""

    command_name: str
    aim: Aim = field(default_factory=Aim)

    def command(self, call: Command, go: Callable[[], None]) -> None:
        go()
        if is_meant(self.command_name, call) and self.aim.hits(call.username):
            call.control.repeat()


@dataclass(eq=False)
class DataConnection(Fault):
    """Do something wrong with data connections. The control connection knows how, by the name."""

    manner: str
    aim: Aim = field(default_factory=Aim)

    def data(self, username: str) -> str:
        return self.manner if self.aim.hits(username) else ""


@dataclass(eq=False)
class CertificateWrong(Fault):
    """Present another certificate than before: valid, expired, or for another name."""

    kind: str
    aim: Aim = field(default_factory=Aim)

    def certificate(self, kind: str) -> str:
        return self.kind if self.aim.hits() else kind


#: Certificates that a client must refuse.
WRONG = (certificate.OTHER, certificate.EXPIRED, certificate.FOREIGN_NAME)
