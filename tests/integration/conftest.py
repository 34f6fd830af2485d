# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What all integration tests share."""

from __future__ import annotations

from support.fixtures import latin_1, program, sshd, start_sshd

__all__ = ["latin_1", "program", "sshd", "start_sshd"]
