# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Import pyftpdlib and pyOpenSSL in one place, and report when they are missing. SFTP works without them."""

from __future__ import annotations

import importlib
import logging
import traceback
import warnings
from typing import Any

from ..._engine.errors import DependencyError

__all__ = ["IMPORT_ERROR", "require"]

IMPORT_ERROR: str | None = None

#: The logger of pyftpdlib. Without a handler, Python would write its warnings to stderr.
LOGGER = "pyftpdlib"
logging.getLogger(LOGGER).addHandler(logging.NullHandler())

exceptions: Any = None
filesystems: Any = None
handlers: Any = None
ioloop: Any = None
SSL: Any = None
lib: Any = None

try:
    with warnings.catch_warnings():
        # On Python 3.9 to 3.11, pyftpdlib uses modules that were deprecated there.
        warnings.simplefilter("ignore")
        exceptions = importlib.import_module("pyftpdlib.exceptions")
        filesystems = importlib.import_module("pyftpdlib.filesystems")
        handlers = importlib.import_module("pyftpdlib.handlers")
        ioloop = importlib.import_module("pyftpdlib.ioloop")
        SSL = importlib.import_module("OpenSSL.SSL")
        lib = importlib.import_module("OpenSSL._util").lib
except ImportError:
    IMPORT_ERROR = traceback.format_exc()


def require() -> None:
    """Raise DependencyError unless FTP and FTPS can be served."""
    if IMPORT_ERROR is not None:
        raise DependencyError(
            "pyftpdlib_missing",
            "The Python libraries pyftpdlib (2.2 or newer) and pyOpenSSL cannot be imported on this host, so the "
            "sandbox cannot serve FTP and FTPS.",
            "Install both from PyPI, or remove ftp and ftps from protocols. SFTP does not need them.",
        )
