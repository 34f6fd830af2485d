# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Define what shows that a drop-off is complete on the server, and the errors where that is missing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...errors import JobStopped, TransferError, WaitError
from ...ledger.decisions import how_to_decide
from ...states import NAME_TAKEN

if TYPE_CHECKING:
    from ...ledger.ledger import Ledger, Row

BY_SIZE = "size"
"""Evidence of a delivery: the server shows the right size under the final name."""

BY_HANDLE = "open handle"
"""The server told the right size of our own upload and acknowledged its close. Its final name was not seen since."""

BY_CLOSE = "close"
"""The server acknowledged every byte and the close, and the job does not look (`verify: close`)."""

WRITE_ONLY = "If this account can only write, set `verify: close`: then the acknowledged close is the only evidence."

NOT_SEEN = (
    "The server acknowledged every byte and the close, but the file was never seen under its name. Either it was taken "
    "at once, or the server hides it. If nobody takes files there so quickly, ask the provider whether it arrived."
)


def is_unseen(row: Row) -> bool:
    """Return whether the final name of a delivered file was never seen on the server, and nobody renamed it there."""
    return row.verified_by == BY_HANDLE and row.temporary is None and not row.visible


def name_taken(path: str) -> WaitError:
    return WaitError(
        NAME_TAKEN,
        f"A file {path!r} already exists on the server, and is not overwritten.",
        "The new file is sent once the name is free. If the name stays taken, rename the new file.",
    )


def name_still_taken(row: Row, ledger: Ledger) -> WaitError:
    """Build the error for a row whose whole upload waits for its name."""
    return WaitError(
        NAME_TAKEN,
        f"The whole file was uploaded as {row.temporary!r}, but another file {row.remote_path!r} exists on the server.",
        f"It gets its name once that is free. If the name stays taken, decide {how_to_decide(row, ledger)}",
    )


def unverified(row: Row) -> JobStopped:
    return JobStopped(
        "unverified",
        f"The server does not report the size of {row.remote_path!r} during the upload, so it cannot be verified.",
        f"Ask the provider for the permission to stat files during the upload. {WRITE_ONLY}",
    )


def incomplete(row: Row, size: int) -> TransferError:
    return TransferError(
        "incomplete",
        f"The server has {size} of the {row.size} bytes that were sent to {row.remote_path!r}.",
        "The next run sends it again. If every file fails like this, the server tells the size late: set "
        "`upload: rename`.",
    )
