# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Validate which hosts a playbook chooses, and how many of them at the same time.

Ansible ignores a name that matches no host, takes 0 for all hosts, and ends with a traceback for other mistakes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from ..module_utils._engine.config import options as read
from ._accounts import nearest

_BATCH = re.compile(r"[1-9][0-9]*|([1-9][0-9]?|100)%")
_ALL = "all"


class InvalidChoice(Exception):
    """Report a mistake in ``filedrop_hosts`` or ``filedrop_serial``."""


def require_batches(serial: object) -> None:
    """Require a number of hosts or a percentage, or a list of these.

    :raises InvalidChoice: it is something else.
    """
    for batch in serial if isinstance(serial, list) and serial else [serial]:
        if isinstance(batch, bool) or not _BATCH.fullmatch(str(batch).strip()):
            what = f"{read.abbreviated(batch)} is neither a number of hosts nor a percentage"
            raise InvalidChoice(f'filedrop_serial: {what}. Set it to a number from 1, such as 10, or to such as "20%".')


def chosen(patterns: Sequence[str], groups: Mapping[str, Sequence[str]], hosts_of: Callable[[str], object]) -> str:
    """Return the patterns as one, after each has been found to name something.

    :param groups: of the inventory, each with its hosts.
    :param hosts_of: returns the hosts that match a pattern.
    :raises InvalidChoice: a pattern matches nothing, or all together do.
    """
    whole = ",".join(patterns)
    if not groups[_ALL]:  # there is no inventory, and Ansible says so
        return whole
    for pattern in patterns:
        name = pattern.lstrip("!&")
        if name not in groups and not hosts_of(name):
            near = nearest(name, [*groups, *groups[_ALL]])
            hint = f" Did you mean {near}?" if near else ""
            raise InvalidChoice(f"filedrop_hosts: {name!r} matches no host of the inventory. Correct the name.{hint}")
    if not hosts_of(whole):
        raise InvalidChoice(f"filedrop_hosts: {whole!r} matches no host of the inventory. Correct it.")
    return whole
