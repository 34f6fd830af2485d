# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Name the capabilities of a server: known from its protocol, or learned by earlier runs and kept in the ledger."""

from __future__ import annotations

RENAME = "rename"
"""Files can be renamed in the folder of a drop-off. `upload: rename` needs it."""

EXCLUSIVE_CREATE = "exclusive_create"
"""The server can create a file only if its name is free."""

PARTIAL_UPLOADS = "partial_uploads"
"""A file is visible under its name during the upload, so the provider may take it before it is complete."""

STAT = "stat"
"""Files can be looked at one by one (stat). Every pickup needs it."""

CLAIM = "claim"
"""Files can be renamed in the folder of a pickup. Hosts that share a mailbox need it."""

STAT_AS_LISTED = "stat_as_listed"
"""A look at a file tells the same size and time as the listing."""

ALL = (RENAME, EXCLUSIVE_CREATE, PARTIAL_UPLOADS, STAT, STAT_AS_LISTED, CLAIM)
