# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs ``ansible-test sanity`` over a copy of the checkout: no ignore file, no skipped test, nobody's home.

ansible-test wants to be started in ``.../ansible_collections/courier/filedrop``, keeps its virtual environments in the
home folder, downloads its own pip, and runs its compile and import tests on whatever Python it finds. So it gets a copy
with that path, a home of its own under ``build/sanity``, a bootstrap script that uses the pip which came with Python,
and a PATH that holds no other Python than those that really run.

Arguments are handed on: ``python tests/tools/sanity.py --test pylint``.
"""

from __future__ import annotations

import ast
import configparser
import fcntl
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from xml.etree import ElementTree

from find_python import find_python

CHECKOUT = Path(__file__).resolve().parents[2]
WORK = CHECKOUT / "build" / "sanity"
HOME = WORK / "home"
PYTHONS = WORK / "pythons"
COPY = WORK / "ansible_collections" / "courier" / "filedrop"

# From the oldest Python that a managed host may have to the newest that an ansible-core of the tests knows.
VERSIONS = ("3.9", "3.10", "3.11", "3.12", "3.13", "3.14")

# Where ansible-core looks for a bootstrap script of pip before it downloads one: 2.16; 2.18 and 2.19; 2.20 and 2.21.
BOOTSTRAPS = [HOME / ".ansible" / "test" / "cache" / f"get_pip_{release}.py" for release in ("23_1_2", "24_2", "25_2")]


def copy_checkout() -> None:
    """Copy what git tracks or would track, as it stands in the work tree, without tests: what users get."""
    command = [
        "git",
        "ls-files",
        "--cached",
        "--others",
        "--exclude-standard",
        "-z",
        ":(exclude,glob)tests/*/**",
        ":!extensions",
    ]
    listed = subprocess.run(command, cwd=CHECKOUT, check=True, capture_output=True).stdout
    shutil.rmtree(COPY, ignore_errors=True)
    for name in filter(None, listed.decode().split("\0")):
        source = CHECKOUT / name
        if source.is_symlink() or source.is_file():  # a tracked file may be gone from the work tree
            target = COPY / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target, follow_symlinks=False)
    # Else ansible-test would ask the checkout's git, which knows nothing of build/.
    subprocess.run(["git", "init", "--quiet"], cwd=COPY, check=True)


def prepare_home() -> None:
    """Write the bootstrap script, and pip's settings: ansible-test knows neither PIP_* variables nor the real home."""
    for path in BOOTSTRAPS:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("import ensurepip\n\nensurepip.bootstrap()\n")
    shown = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], check=True, capture_output=True, text=True
    ).stdout
    settings = configparser.RawConfigParser()
    settings["global"] = {"quiet": "2"}
    # "global.cert='...'" comes from a file and ":env:.cert='...'" from a variable, which wins.
    for line in sorted(shown.splitlines(), key=lambda line: line.startswith(":env:")):
        name, value = line.split("=", 1)
        settings["global"][name.rpartition(".")[2]] = ast.literal_eval(value)
    path = HOME / ".config" / "pip" / "pip.conf"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        settings.write(file)


def link_pythons() -> list[str]:
    """Fill the folder that stands on the PATH with one link for each Python to test with; return what is missing."""
    shutil.rmtree(PYTHONS, ignore_errors=True)
    PYTHONS.mkdir(parents=True)
    own = "{}.{}".format(*sys.version_info)
    missing = []
    for version in VERSIONS:
        if version == own:
            continue  # the virtual environment's own, which comes first on the PATH
        found = find_python(version)
        if found is None:
            missing.append(version)
        else:
            (PYTHONS / f"python{version}").symlink_to(found)
    return missing


def untested(missing: list[str]) -> list[str]:
    """Tell from ansible-test's own reports what it left out although there was something to look at."""
    reports = sorted(COPY.glob("tests/output/junit/*.xml"))
    if not reports:
        return ["every test"]
    idle, left_out = [], []
    for report in reports:
        for case in ElementTree.parse(report).iter("testcase"):
            for skipped in case.iter("skipped"):
                name = case.get("name", "")
                if skipped.text == "No tests applicable.":
                    idle.append(name)
                elif not name.endswith(tuple(f"-python-{version}" for version in missing)):
                    left_out.append(f"{name}: {skipped.text}")
    print(f"No file of the kind that these look at: {', '.join(idle)}.")
    return left_out


def main() -> int:
    WORK.mkdir(parents=True, exist_ok=True)
    with open(WORK / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # another run in the same clone would take the copy away under this one
        return run()


def run() -> int:
    copy_checkout()
    prepare_home()
    missing = link_pythons()
    programs = sysconfig.get_path("scripts")
    path = os.pathsep.join([programs, str(PYTHONS), os.defpath])
    environment = {**os.environ, "HOME": str(HOME), "PATH": path}
    command = [sys.executable, f"{programs}/ansible-test", "sanity", "--junit", *sys.argv[1:]]
    status = subprocess.run(command, cwd=COPY, env=environment, check=False).returncode
    if missing:
        print(f"Not on this machine, so nothing was compiled and imported with it: Python {', '.join(missing)}.")
    left_out = untested(missing)
    for text in left_out:
        print(f"LEFT OUT: {text}")
    return status or bool(left_out)


if __name__ == "__main__":
    raise SystemExit(main())
