# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Several hosts at one mailbox, each with a ledger of its own."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from .desk import Desk, digests
from .sshd import SshServer


def fleet(folder: Path, server: SshServer, count: int, *, one_dest: bool = True) -> list[Desk]:
    """Make so many hosts.

    :param one_dest: they have one `dest`.
    """
    made = []
    for number in range(count):
        place = folder / f"host-{number}"
        place.mkdir()
        made.append(Desk(place, server.account_options(account=f"name_{number}")))
        if one_dest:
            made[-1].inbox = made[0].inbox
    return made


def arrived(hosts: Iterable[Desk]) -> Counter[str]:
    """Count how often each content (SHA-256) has a final name."""
    inboxes = {host.inbox for host in hosts}
    return Counter(
        digest for inbox in inboxes for name, digest in digests(inbox).items() if not name.startswith(".filedrop-")
    )


def left_over(hosts: Iterable[Desk]) -> list[str]:
    """The names of the hidden files in each `dest`."""
    return [name for host in hosts for name in os.listdir(host.inbox) if name.startswith(".")]
