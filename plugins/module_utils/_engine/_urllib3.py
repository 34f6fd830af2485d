# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Import urllib3 in one place, and report when it is missing. Importing this file never fails."""

from __future__ import annotations

from .errors import DependencyError

__all__ = ["IMPORT_ERROR", "require", "urllib3"]

IMPORT_ERROR: ImportError | None = None

try:
    import urllib3
except ImportError as error:
    IMPORT_ERROR = error
    # The type checker knows an imported name as a module. Callers run `require` first, which raises if it is None.
    urllib3 = None  # type: ignore[assignment]


def require() -> None:
    """Raise DependencyError unless urllib3 can be used. Only accounts of the protocol ``amili_api`` need it."""
    if IMPORT_ERROR is not None:
        raise DependencyError(
            "urllib3_missing",
            "The Python library urllib3 (1.26 or newer) cannot be imported on this host.",
            "Install it: the package python3-urllib3 on Debian, Ubuntu and RHEL, or urllib3 from PyPI.",
        ) from IMPORT_ERROR
