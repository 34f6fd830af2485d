# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What one server allows: known from its protocol, or learned by earlier runs and kept in the ledger."""

from __future__ import annotations

RENAME = "rename"
"""Files can be renamed in the folder that they are sent to: `upload: rename` needs it."""

EXCLUSIVE_CREATE = "exclusive_create"
"""A file is created only if there is none of its name."""

PARTIAL_UPLOADS = "partial_uploads"
"""A file is visible under its name while it is written, so it may be taken before it is complete."""

STAT = "stat"
"""One file can be looked at: every pickup needs it."""

CLAIM = "claim"
"""Files can be renamed in the folder that they are fetched from: hosts that share a mailbox need it."""

ALL = (RENAME, EXCLUSIVE_CREATE, PARTIAL_UPLOADS, STAT, CLAIM)
