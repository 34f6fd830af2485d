# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Define the errors of the engine, as one tree.

Each error has a reason code, a finding (what was found and why it is refused), and a way out (what to do). In the code,
the class says who has to act on an error. In a result, the reason code says what happened.
"""

from __future__ import annotations

import os
import traceback

from .text import escaped


class FiledropError(Exception):
    """Report anything that filedrop refuses or cannot do.

    :param reason: a stable code in snake_case for programs, such as ``port_closed``.
    :param finding: a sentence for people: the value that was found and why that is a problem.
    :param way_out: a sentence for people: what to do about it. Some kinds of errors have a usual one.

    Names and what servers say are part of the sentences, so control and format characters in them are escaped.
    """

    USUAL_WAY_OUT = ""

    def __init__(self, reason: str, finding: str, way_out: str = "") -> None:
        super().__init__(reason, finding, way_out)
        self.reason = reason
        self.finding = escaped(finding)
        self.way_out = escaped(way_out or self.USUAL_WAY_OUT)

    def __str__(self) -> str:
        return " ".join(part for part in (self.finding, self.way_out) if part)


class InputError(FiledropError):
    """An option, a job or an account is invalid."""


class DependencyError(FiledropError):
    """A required library is missing."""


class TrustError(FiledropError):
    """The account does not trust the server's key. Never retried; no secret was sent."""


class AuthenticationError(FiledropError):
    """The server refused the user, or the user's key cannot be used. Never retried."""


class UnreachableError(FiledropError):
    """No session could be opened: unknown host, closed port, no answer."""


class ConnectionLost(FiledropError):
    """The session ended or stopped answering. The state of pending requests is unknown; a new session may go on."""

    USUAL_WAY_OUT = "The next run continues. If this happens again and again, ask the provider."


class ServerBusy(FiledropError):
    """The server accepts no further session now. A later attempt may succeed."""


UNSTATED = "remote_failure"
"""The reason of a refusal for which the server has no code of its own, such as too many open files."""


class RemoteError(FiledropError):
    """The server refused one request.

    :ivar said: the server's own words, safe to show; often empty.
    """

    said = ""
    USUAL_WAY_OUT = "The next run tries again. If this happens again and again, ask the provider."


class RemoteMissing(RemoteError):
    """The file or folder does not exist on the server."""

    USUAL_WAY_OUT = "Check the folders of the job. If they are right, ask the provider."


class RemoteDenied(RemoteError):
    """The server does not permit the request."""

    USUAL_WAY_OUT = "Ask the provider for this permission, or check the folders of the job."


class RemoteUnsupported(RemoteError):
    """The server does not know the request."""

    USUAL_WAY_OUT = "Ask the provider whether the server can allow it."


class RemoteBusy(RemoteError):
    """The server says that it gets too many requests at once. Fewer at a time may succeed."""


class ProtocolError(FiledropError):
    """The server broke the protocol's rules. Nothing else that it sends on this session can be trusted."""

    USUAL_WAY_OUT = (
        "Report this to the provider. If it happens again and again, another program may listen at this port."
    )


class DiskError(FiledropError):
    """The local disk or a local folder cannot do what is needed."""


class TransferError(FiledropError):
    """One file could not be moved safely. It stays where it was; the other files go on."""


class Replaced(TransferError):
    """A file was delivered, but another file has taken the place of its original. That one is left alone."""


class OriginalStays(TransferError):
    """A file was delivered, but its original could not be disposed of as the job requires."""


class Rejected(TransferError):
    """The provider refused one file for good. It is not sent again until it changes, or a person decides."""


class HoldError(TransferError):
    """One file needs a person's decision. The ledger has a row of it, which `resolve` accepts."""


class SkipError(TransferError):
    """Nothing is to be done with a file. That is no failure."""


class WaitError(TransferError):
    """One file is not moved yet. A later run moves it, once something outside has changed."""


class JobStopped(FiledropError):
    """The first file failed for a reason that applies to all other files of the job."""


class RunEnded(FiledropError):
    """The run was ended by a signal or by its time limit. The next run continues with the rest."""


class NotReached(FiledropError):
    """A file was not processed, because the run ended early."""

    REASON = "not_reached"

    def __init__(self) -> None:
        super().__init__(self.REASON, "The run ended before its turn.", "The next run continues with this file.")


class LedgerError(FiledropError):
    """The ledger cannot be trusted or written. No transfer starts or continues without it."""


class JobRunning(FiledropError):
    """Another run of the same job is active on this host."""


def unexpected(error: Exception, more: str = "") -> TransferError:
    """Build the error for an exception that the code does not expect, with its place in the code.

    :param more: what else to report, such as ``, together with the output of --debug``.
    """
    frames = traceback.extract_tb(error.__traceback__)
    where = f"{os.path.basename(frames[-1].filename)}, line {frames[-1].lineno}" if frames else "an unknown place"
    return TransferError(
        "unexpected",
        f"Unexpected error: {type(error).__name__}: {error} ({where}).",
        f"No file is lost: the next run continues from the ledger. Please report this error{more}.",
    )


ENDS_THE_RUN = (ConnectionLost, JobStopped, LedgerError, ProtocolError, TrustError)
"""Errors that end the run for all files. Any other error is the outcome of its file alone."""
