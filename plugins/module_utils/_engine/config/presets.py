# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The providers, as data: what one of them needs, under the names of our own options.

A preset only gives defaults. An option that is set explicitly always wins. Adding a provider is adding an entry here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ..errors import InputError


@dataclass(frozen=True)
class Preset:
    """Defaults for the options of an account, and of the jobs of each direction."""

    name: str = ""
    title: str = ""
    account: Mapping[str, object] = field(default_factory=dict)
    dropoff: Mapping[str, object] = field(default_factory=dict)
    pickup: Mapping[str, object] = field(default_factory=dict)


_AMILI_SFTP = Preset(
    name="amili_sftp",
    title="Amili, standard SFTP file drop-off and pickup",
    account={"protocol": "sftp", "host": "sftp.amili.se", "port": 22},
    # Their guide names no right to rename in input/, and says that a file is processed once its upload completes.
    dropoff={"remote_dir": "input", "upload": "direct"},
    pickup={"remote_dir": "pickup"},
)

PRESETS: Mapping[str, Preset] = {preset.name: preset for preset in (_AMILI_SFTP,)}


def preset_named(name: str | None) -> Preset:
    """The preset of that name; an empty one for None.

    :raises InputError: there is none of that name. The error lists what exists.
    """
    if name is None:
        return Preset()
    if name not in PRESETS:
        known = ", ".join(sorted(PRESETS))
        raise InputError(
            "preset_unknown",
            f"preset: there is none named {name!r}.",
            f"Use one of: {known}; or leave preset out and set host, remote_dir and the other options yourself.",
        )
    return PRESETS[name]
