# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tests that change the host on which they run: tests/tools/in-debian13 gives them one of their own."""

from __future__ import annotations

from support.fixtures import sshd, start_sshd

__all__ = ["sshd", "start_sshd"]
