# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Define the providers as data: defaults for filedrop's own options.

An option that is set explicitly always wins over a preset. To add a provider, add an entry here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ...errors import InputError
from ..options import abbreviated


@dataclass(frozen=True)
class Preset:
    """Defaults for the options of an account, and of the jobs of each direction.

    ``pickup`` is None if the provider has no such direction. ``kinds`` are named sets of patterns, with which a person
    chooses files for an export. ``never_over`` has the kinds that a protocol does not carry.
    """

    name: str = ""
    title: str = ""
    account: Mapping[str, object] = field(default_factory=dict)
    dropoff: Mapping[str, object] = field(default_factory=dict)
    pickup: Mapping[str, object] | None = field(default_factory=dict)
    kinds: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    never_over: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def of(self, direction: str) -> Mapping[str, object]:
        """Return the defaults for jobs of a direction.

        :raises InputError: the provider does not have this direction.
        """
        if direction == "dropoff":
            return self.dropoff
        if self.pickup is None:
            way_out = "Remove preset, and set protocol, remote_dir and the other options yourself."
            raise InputError("option_invalid", f"direction: the preset {self.name} is for drop-offs only.", way_out)
        return self.pickup


def _any_case(*suffixes: str) -> tuple[str, ...]:
    """Return patterns for names with these suffixes, whose case varies from program to program."""
    return tuple("*." + "".join(f"[{letter}{letter.upper()}]" for letter in suffix) for suffix in suffixes)


_AMILI_SFTP = Preset(
    name="amili_sftp",
    title="Amili, standard SFTP file drop-off and pickup",
    account={"protocol": "sftp", "host": "sftp.amili.se", "port": 22},
    # Amili's guide grants no right to rename in input/. It says that a file is processed once its upload completes.
    dropoff={"remote_dir": "input", "upload": "direct"},
    pickup={"remote_dir": "pickup"},
)

# Amili does not publish the address of the API, so base_url is required. The limits of a request are not published.
_AMILI_API = Preset(
    name="amili_api",
    title="Amili, drop-off through the files API",
    account={"protocol": "amili_api", "token_url": "https://auth.amili.no/token"},
    pickup=None,
)

_BILLIT_KINDS = {
    "invoices": _any_case("xml"),
    "attachments": _any_case("pdf", "zip", "png", "jpg", "jpeg", "gif", "tif", "tiff"),
    "coda": _any_case("cod", "coda"),
}

# Billit connects to a server of its user's. So the user of this preset is on either side: over `folder` on the server
# itself, or over `sftp` in the place of Billit. The names of both folders are free settings.
_BILLIT_SFTP = Preset(
    name="billit_sftp",
    title="Billit, automatic exchange over SFTP in both directions",
    account={"protocol": "sftp"},
    dropoff={"every": "30m", "include": _BILLIT_KINDS["invoices"] + _BILLIT_KINDS["attachments"]},
    pickup={"every": "30m"},
    kinds=_BILLIT_KINDS,
    never_over={"sftp": ("coda",), "folder": ("coda",)},
)

_BILLIT_FTP = Preset(
    name="billit_ftp",
    title="Billit, export by hand over FTPS or FTP",
    account={"protocol": "ftps"},
    dropoff={"by_hand": True, "after": "keep", "include": sum(_BILLIT_KINDS.values(), ())},
    pickup=None,
    kinds=_BILLIT_KINDS,
    never_over={"sftp": ("coda",)},
)

PRESETS: Mapping[str, Preset] = {preset.name: preset for preset in (_AMILI_SFTP, _AMILI_API, _BILLIT_SFTP, _BILLIT_FTP)}


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
