# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Makes the script and the style of the report's page, with the licences of all that is in them.

The sources, and the names of the pinned packages of npm, are in ``plugins/plugin_utils/_report/assets/source``. What
is made lies beside that folder and is committed, because users install from git or Galaxy and have no npm. The same
sources make the same bytes. ``python tests/tools/make_assets.py FOLDER`` makes it in another folder.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
ASSETS = CHECKOUT / "plugins" / "plugin_utils" / "_report" / "assets"
WORK = CHECKOUT / "build" / "assets"
_PACKAGE = re.compile(r"node_modules/((?:@[^/]+/)?[^/]+)/")


def install() -> Path:
    """Copy the sources, and install the packages beside them as the lock file names them; return their folder.

    Nobody else may install at the same time. What is installed already is left as it is.
    """
    packages, stamp = WORK / "node_modules", WORK / "installed.json"
    lock = (ASSETS / "source" / "package-lock.json").read_bytes()
    WORK.mkdir(parents=True, exist_ok=True)
    with (WORK / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        shutil.copytree(ASSETS / "source", WORK, dirs_exist_ok=True)
        if not stamp.exists() or stamp.read_bytes() != lock:
            options = ("--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline", "--loglevel=error")
            subprocess.run(["npm", "ci", *options], cwd=WORK, check=True, stdout=subprocess.DEVNULL)
            stamp.write_bytes(lock)
    return packages


def bundle(name: str, *options: str) -> list[str]:
    """Bundle a file with what it imports; return the paths of all that has become part of it."""
    made = [f"--outfile=made/{name.replace('main', 'page')}", "--metafile=made/meta.json", "--log-level=warning"]
    subprocess.run(["node_modules/.bin/esbuild", name, "--bundle", "--minify", *made, *options], cwd=WORK, check=True)
    return [*json.loads((WORK / "made" / "meta.json").read_text())["inputs"]]


def licences(inputs: list[str]) -> Iterator[str]:
    """Yield the licence of each package that has a file in the bundle."""
    packages = sorted({found[1] for found in map(_PACKAGE.search, inputs) if found})
    for package in packages:
        folder = WORK / "node_modules" / package
        described = json.loads((folder / "package.json").read_text())
        text = "\n".join(path.read_text().strip() for path in sorted(folder.glob("[Ll][Ii][Cc][Ee][Nn][CcSs][Ee]*")))
        if not text:
            raise SystemExit(f"The package {package} has no licence file. Find its licence before it is distributed.")
        yield f"{package} {described['version']} ({described['license']})\n\n{text}\n"


def make(target: Path) -> None:
    """Make the assets in a folder."""
    install()
    script = bundle("main.js", "--format=iife", "--target=es2022", "--legal-comments=none")
    bundle("page.css", "--target=chrome111,firefox113,safari16.4")
    text = f"\n{'-' * 79}\n\n".join(licences(script))
    target.mkdir(parents=True, exist_ok=True)
    code = (WORK / "made" / "page.js").read_text()
    if "*/" in text or re.search(r"<!--|</?script", text + code, re.IGNORECASE):
        raise SystemExit("The script or a licence has text that ends a comment or an element.")
    (target / "LICENSES.txt").write_text(text)
    (target / "page.js").write_text(f"/*!\n{text}*/\n{code}")
    (target / "page.css").write_text((WORK / "made" / "page.css").read_text())
    made = ("LICENSES.txt", "page.css", "page.js")
    sums = [f"{hashlib.sha256((target / name).read_bytes()).hexdigest()}  {name}\n" for name in made]
    (target / "SHA256SUMS").write_text("".join(sums))


if __name__ == "__main__":
    make(Path(sys.argv[1]) if len(sys.argv) > 1 else ASSETS)
