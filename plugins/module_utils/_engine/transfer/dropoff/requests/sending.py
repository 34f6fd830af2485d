# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Send one file in a request with others, to a server that judges each file in its answer.

The request cannot be taken before its last bytes have left. Right before that, the ledger records for each of its files
in which request it is. After that, only the answer shows what happened.
"""

from __future__ import annotations

import secrets
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

from ....errors import FiledropError, Rejected, TransferError
from ....ledger.decisions import held_error
from ....local import names
from ....local.folder import LocalFile, SourceFile
from ....remote.interface import Judgement, Parcel, Reply, RequestRemote
from ....states import REJECTED, State

if TYPE_CHECKING:
    from ....config.jobs.job import Dropoff
    from ....ledger.ledger import Ledger, Row
    from ..item import DropoffItem

BY_ANSWER = "answer"
"""Evidence of a delivery: the file's own entry in the server's answer."""


@dataclass(frozen=True)
class Requests:
    """Hold the tools for all files of one run that go in requests."""

    job: Dropoff
    remote: RequestRemote
    ledger: Ledger

    async def send(self, item: DropoffItem, file: LocalFile, row: Row) -> Row:
        """Send a file, as often as a request comes to nothing; return its row.

        :raises HoldError: a person has to decide.
        :raises Rejected: the provider refused it.
        :raises FiledropError: it was not taken, and the next run sends it again.
        """
        reply = Reply(Judgement.AGAIN)
        while reply.judgement is Judgement.AGAIN:
            await self._intend(item, row)
            with closing(SourceFile(item.folder, file)) as source:
                try:
                    reply = await self.remote.submit(self._parcel(item, row, source))
                except FiledropError:
                    if row.state is State.REQUESTED:  # an answer says that it was not taken
                        await self.ledger.commit(row, State.INTENT, request=None)
                    raise
        if reply.judgement is Judgement.TAKEN:
            await self.ledger.commit(row, State.CLOSED, verified_by=BY_ANSWER)
        elif reply.judgement is Judgement.UNKNOWN:
            await self._unknown(row, reply.words)
        else:
            await self._rejected(row, reply)
        return row

    async def _intend(self, item: DropoffItem, row: Row) -> None:
        if row.file_id is None:
            row.file_id = secrets.token_hex(16)  # written with the commit
        await self.ledger.commit(
            row,
            State.INTENT,
            remote_path=item.remote_path,
            temporary=None,
            visible=None,
            verified_by=None,
            sha256=None,
            reason=None,
            request=None,
            said=None,
        )

    def _parcel(self, item: DropoffItem, row: Row, source: SourceFile) -> Parcel:
        async def completing(request: str) -> None:
            await self.ledger.commit(row, State.REQUESTED, request=request, sha256=source.sha256)

        kind = self.job.remote_folder_of(item.name) or ""
        return Parcel(row.file_id or "", kind, item.name, source, completing)

    async def _unknown(self, row: Row, words: str) -> NoReturn:
        """Apply the `ambiguous` policy: the file may have been taken.

        :raises HoldError, TransferError: always.
        """
        finding = f"{unknown(row)}{words}."
        if self.job.ambiguous == "resend":
            await self.ledger.commit(row, State.INTENT, request=None)
            raise TransferError("ambiguous", finding, "The next run sends it again.")
        await self.ledger.commit(row, State.HELD, reason="ambiguous", said=words)
        raise held_error(row, "ambiguous", finding, self.ledger)

    async def _rejected(self, row: Row, reply: Reply) -> NoReturn:
        """:raises Rejected: always."""
        await self.ledger.commit(row, State.HELD, reason=REJECTED, said=reply.words)
        name = names.quoted(row.name)
        if reply.judgement is Judgement.FORBIDDEN:
            finding = f"The provider does not let this client upload {name} with its type{reply.words}."
            way_out = "Correct file_types, or ask the provider to allow the type. Then resolve the file with resend."
            raise Rejected("type_not_allowed", finding, way_out)
        finding = f"The provider refused {name}{reply.words}."
        raise Rejected(REJECTED, finding, "Correct the file: it is sent again once it changes. Or resolve it.")


def unknown(row: Row) -> str:
    """Return the finding for a file whose request has no answer that speaks of it, without its full stop."""
    where = f"the request {row.request}" if row.request else "a request"
    return (
        f"{names.quoted(row.name)} was sent in {where}, and no answer shows whether the provider took it (fileId "
        f"{row.file_id})"
    )
