# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The release that this engine is of; the same as in galaxy.yml."""

from __future__ import annotations

VERSION = "1.0.0"
