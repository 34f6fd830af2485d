# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether a mark was met."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True)
class Judgement:
    """A row of the table."""

    case: str
    what: str
    mark: str
    aim: str
    measured: str
    verdict: str
