# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Build the command `filedrop`: the engine beside this file, as one executable file.

    python3 plugins/module_utils/_build.py [--python /usr/bin/python3] OUTPUT

The build is reproducible: the same engine gives the same bytes, independent of user, host, time and Python version.
Files are stored uncompressed (compressors differ), sorted by name, and without their times, modes and owners. So a
second deployment changes nothing. The build needs only the standard library.
"""

from __future__ import annotations

import argparse
import io
import os
import re
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Sequence

PACKAGE = "filedrop"
"""The name of the engine's package inside of the command."""

DEFAULT_PYTHON = "/usr/bin/python3"

_ENGINE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "_engine")
_LONGEST_FIRST_LINE = 127  # bytes of the first line that Linux reads (before 5.1)
_MODE = 0o755  # everybody may run it: it contains nothing secret
_EARLIEST = (1980, 1, 1, 0, 0, 0)  # the earliest time in a ZIP file

# This code must run on any Python, however old, so that it can report that the version is too old. Names of files are
# UTF-8 in every locale: in another encoding, the name of a local file would become another name on the server.
_MAIN = b"""\
import sys

if sys.version_info < (3, 9):
    found = (sys.executable, sys.version_info[0], sys.version_info[1])
    sys.stderr.write("filedrop needs Python 3.9 or newer, and %s is %d.%d.\\n" % found)
    raise SystemExit(2)

import signal

# Until the command handles them, signals wait. One that ends it during its imports would give no status.
signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGTERM, signal.SIGINT, signal.SIGHUP))
if sys.getfilesystemencoding() != "utf-8":
    import os

    isolated = ["-I"] * sys.flags.isolated
    os.execv(sys.executable, [sys.executable] + isolated + ["-X", "utf8"] + sys.argv)

from filedrop.command.cli import main

raise SystemExit(main())
"""


def build(python: str = DEFAULT_PYTHON) -> bytes:
    """Build the content of the command.

    :param python: path of the interpreter on the host. It runs isolated (``-I``): neither the environment nor a user's
        own libraries affect what is imported.
    :raises ValueError: the path cannot be used in the first line of a program.
    """
    first_line = f"#!{python} -I\n".encode()
    if not re.fullmatch(r"/[!-~]+", python) or len(first_line) > _LONGEST_FIRST_LINE:
        raise ValueError(f"{python!r} cannot be the interpreter of a program: it must be a short absolute path")
    content = io.BytesIO()
    content.write(first_line)
    with zipfile.ZipFile(content, "a", zipfile.ZIP_STORED) as archive:
        for name, body in sorted({"__main__.py": _MAIN, **dict(_engine_files())}.items()):
            entry = zipfile.ZipInfo(name, _EARLIEST)
            entry.create_system = 3  # Unix
            entry.external_attr = 0o100644 << 16
            archive.writestr(entry, body)
    return content.getvalue()


def _engine_files() -> Iterator[tuple[str, bytes]]:
    for folder, _folders, names in os.walk(_ENGINE):
        for name in names:
            if name.endswith(".py"):
                path = os.path.join(folder, name)
                with open(path, "rb") as file:
                    yield os.path.join(PACKAGE, os.path.relpath(path, _ENGINE)).replace(os.sep, "/"), file.read()


def write(path: str, content: bytes) -> bool:
    """Write the command atomically; return whether that changed the file."""
    try:
        with open(path, "rb") as file:
            if file.read() == content and os.access(path, os.X_OK):
                return False
    except FileNotFoundError:
        pass
    fd, temporary = tempfile.mkstemp(prefix=".filedrop-", dir=os.path.dirname(os.path.abspath(path)))
    try:
        with os.fdopen(fd, "wb") as file:
            file.write(content)
        os.chmod(temporary, _MODE)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
    return True


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Build the command filedrop: the engine as one executable file.")
    parser.add_argument("--python", default=DEFAULT_PYTHON, help="the interpreter on the host (%(default)s)")
    parser.add_argument("output", metavar="OUTPUT", help="the file to write")
    given = parser.parse_args(arguments)
    try:
        changed = write(given.output, build(given.python))
    except (OSError, ValueError) as error:
        sys.stderr.write(f"{parser.prog}: {error}\n")
        return 1
    sys.stdout.write(f"{given.output}: {'written' if changed else 'unchanged'}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
