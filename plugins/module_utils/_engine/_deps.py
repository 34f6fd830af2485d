# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Import paramiko and cryptography in one place, and report when they are missing.

Importing the engine never fails because of a missing library, so ``ansible-doc`` and the sanity tests can load every
file. ``require()`` raises an error before the first use.
"""

from __future__ import annotations

import traceback
import warnings

from .errors import DependencyError

__all__ = ["PARAMIKO_IMPORT_ERROR", "cryptography", "paramiko", "require"]

PARAMIKO_IMPORT_ERROR: str | None = None

try:
    with warnings.catch_warnings():
        # paramiko 2.12 names ciphers that newer releases of cryptography deprecate. Users need not see that warning.
        warnings.simplefilter("ignore")
        import cryptography
        import paramiko
except ImportError:
    PARAMIKO_IMPORT_ERROR = traceback.format_exc()
    # The type checker knows an imported name as a module. Callers run `require` first, which raises if it is None.
    cryptography = None  # type: ignore[assignment]
    paramiko = None  # type: ignore[assignment]


def require() -> None:
    """Raise DependencyError unless paramiko (and with it cryptography) can be used."""
    if PARAMIKO_IMPORT_ERROR is not None:
        raise DependencyError(
            "paramiko_missing",
            "The Python library paramiko (2.12 or newer) cannot be imported on this host.",
            "Install it: the package python3-paramiko on Debian, Ubuntu and RHEL (EPEL), or paramiko from PyPI.",
        )
