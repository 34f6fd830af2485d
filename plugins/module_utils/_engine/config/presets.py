# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Define the providers as data: defaults for filedrop's own options.

An option that is set explicitly always wins over a preset. To add a provider, add an entry here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ..errors import InputError
from .options import abbreviated


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
    # Amili's guide grants no right to rename in input/. It says that a file is processed once its upload completes.
    dropoff={"remote_dir": "input", "upload": "direct"},
    pickup={"remote_dir": "pickup"},
)

PRESETS: Mapping[str, Preset] = {preset.name: preset for preset in (_AMILI_SFTP,)}


def preset_named(name: str | None) -> Preset:
    """Return the preset with that name; an empty one for None.

    :raises InputError: unknown preset. The error lists the known ones.
    """
    if name is None:
        return Preset()
    if name not in PRESETS:
        known = ", ".join(sorted(PRESETS))
        raise InputError(
            "preset_unknown",
            f"preset: unknown preset {abbreviated(name)}.",
            f"Use one of: {known}; or remove preset and set host, remote_dir and the other options yourself.",
        )
    return PRESETS[name]
