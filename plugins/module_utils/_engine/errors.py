# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One tree of errors. Each has a reason code, a sentence that says what was found and why it is refused, and a way out.

The classes say who has to act on an error in the code; the reason codes say what happened to the reader of a result.
"""

from __future__ import annotations


class FiledropError(Exception):
    """Anything that filedrop refuses or cannot do.

    :param reason: a stable code in snake_case, such as ``port_closed``, for programs.
    :param finding: a sentence for people: the value that was found and why that is a problem.
    :param way_out: a sentence that says what to do about it.
    """

    def __init__(self, reason: str, finding: str, way_out: str = "") -> None:
        super().__init__(reason, finding, way_out)
        self.reason = reason
        self.finding = finding
        self.way_out = way_out

    def __str__(self) -> str:
        return " ".join(part for part in (self.finding, self.way_out) if part)


class InputError(FiledropError):
    """An option, a job or an account that cannot be meant as it stands."""


class DependencyError(FiledropError):
    """A library that the work needs is not there."""


class TrustError(FiledropError):
    """The server's key is not one that the account trusts. Never retried; nothing secret was sent."""


class AuthenticationError(FiledropError):
    """The server refused the user, or the user's key cannot be used. Never retried."""


class UnreachableError(FiledropError):
    """No session could be had: unknown host, closed port, no answer."""


class ConnectionLost(FiledropError):
    """The session ended, or went silent, in the middle. What was under way is unknown; a new session may go on."""


class ServerBusy(FiledropError):
    """The server has no place for us now. A later try may succeed."""


class RemoteError(FiledropError):
    """The server's own refusal of one request."""


class RemoteMissing(RemoteError):
    """There is no such file or folder on the server."""


class RemoteDenied(RemoteError):
    """The server does not permit the request."""


class RemoteUnsupported(RemoteError):
    """The server does not know the request."""


class ProtocolError(FiledropError):
    """The server broke the protocol's rules; nothing it says on this session can be trusted any more."""


class DiskError(FiledropError):
    """The local disk or a local folder cannot do what is needed."""


class TransferError(FiledropError):
    """One file could not be moved safely. It stays where it was; the others go on."""


class Replaced(TransferError):
    """A file was delivered; what stands in the place of its original now is another one, and is left alone."""


class OriginalStays(TransferError):
    """A file was delivered; what the job wants done with its original cannot be done."""


class HoldError(TransferError):
    """One file waits for a person's decision."""


class JobStopped(FiledropError):
    """What was learned from the first file means that no other file of the job can do better."""


class RunEnded(FiledropError):
    """The run was told to end: by a signal, or by its time limit. What remains is for the next one."""


class NotReached(FiledropError):
    """A file whose turn did not come, because another one has ended the run."""

    def __init__(self) -> None:
        super().__init__("not_reached", "The run ended before its turn.")


class LedgerError(FiledropError):
    """The ledger cannot be trusted or written. No transfer starts, or goes on, without it."""


class JobRunning(FiledropError):
    """Another run of the same job is at work on this host."""


ENDS_THE_RUN = (ConnectionLost, JobStopped, LedgerError, ProtocolError)
"""Errors that no other file can escape; any other is the outcome of its file alone."""
