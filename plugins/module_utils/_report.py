# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Ask the command of this host for the playbook ``report``. Nothing is changed.

The result has two readings of the clock, and one text: compressed, because there may be 100,000 files.
"""

from __future__ import annotations

import base64
import json
import os
import subprocess
import time
import zlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from ._engine.config.paths import COMMAND
from ._engine.states import OPEN_OUTCOMES

if TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule


class File(NamedTuple):
    """What is gathered of each file, as `filedrop history --json` has it. What an older command does not know is null.

    Times are in ISO 8601, in UTC.
    """

    job: str
    account: str
    direction: str
    outcome: str
    reason: str | None
    name: str
    size: int | None
    changed: str
    folder: str | None
    remote_path: str | None
    local_path: str | None
    sha256: str | None
    verified_by: str | None
    taken: str | None
    accepted: str | None
    accepted_by: str | None
    file_id: str | None
    request: str | None
    modified: str | None


SERVER = "/etc/filedrop-server"
_SECONDS = 120
_Document = dict[str, Any]


class NotAsked(Exception):
    """Say in one sentence why the command did not answer."""


def report(module: AnsibleModule) -> None:
    """Return what the command tells of this host."""
    began = time.time()
    found = _asked(module.params)
    packed = base64.b64encode(zlib.compress(json.dumps(found).encode())).decode()
    module.exit_json(changed=False, began=began, ended=time.time(), packed=packed)


def unpacked(packed: str, most: int) -> Any:
    """Return what `report` has packed.

    :param most: the number of bytes that it may have. A host decides what it sends.
    :raises ValueError: it is something else.
    """
    try:
        reader = zlib.decompressobj()
        body = reader.decompress(base64.b64decode(packed, validate=True), most)
        if reader.unconsumed_tail or not reader.eof:
            raise ValueError("it is too large, or incomplete")
        return json.loads(body)
    except (zlib.error, RecursionError) as error:
        raise ValueError(str(error)) from error


def _asked(options: Mapping[str, Any]) -> _Document:
    found: _Document = {"message": "", "version": "", "status": {}, "counts": {}, "rows": [], "server": server_here()}
    most = int(options["files"])
    try:
        found["version"] = _run("--version")[1].strip().rpartition(" ")[2]
        found["status"] = _document("status")
        past = ("history", "--limit", str(most))
        open_ = _document(*past, *(word for outcome in OPEN_OUTCOMES for word in ("--outcome", outcome)))
        since = _document(*past, "--since", str(options["since"]))
        files = [*open_["files"], *(file for file in since["files"] if file["outcome"] not in OPEN_OUTCOMES)][:most]
        found["counts"] = {**since["counts"], **{outcome: open_["counts"][outcome] for outcome in OPEN_OUTCOMES}}
        found["rows"] = [[file.get(name) for name in File._fields] for file in files]
    except NotAsked as why:
        found["message"] = str(why)
    except (AttributeError, KeyError, TypeError) as error:
        found["message"] = f"The command filedrop here answers in another form: {error!r}. Deploy the jobs again."
    return found


def _run(*arguments: str) -> tuple[int, str, str]:
    """Run the command of this host; return its exit status, output and errors."""
    if not os.path.exists(COMMAND):
        raise NotAsked(f"filedrop is not installed: there is no {COMMAND}. Deploy the jobs, or leave this host out.")
    try:
        # pylint: disable-next=ansible-bad-function  # Ansible's run_command is for its modules
        ended = subprocess.run(
            [COMMAND, *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            timeout=_SECONDS,
            env={**os.environ, "LC_ALL": "C.UTF-8"},
        )
    except subprocess.TimeoutExpired:
        raise NotAsked(f"filedrop {arguments[0]} did not answer within {_SECONDS} seconds.") from None
    except OSError as error:
        raise NotAsked(f"{COMMAND} cannot be run: {error.strerror or error}.") from None
    return ended.returncode, ended.stdout.decode("utf-8", "replace"), ended.stderr.decode("utf-8", "replace")


def _document(*arguments: str) -> _Document:
    """Return the JSON document that a subcommand prints.

    :raises NotAsked: it prints none, or an error.
    """
    status, output, errors = _run("--json", *arguments)
    try:
        found = json.loads(output)
    except ValueError:
        last = (errors.strip().splitlines() or ["nothing"])[-1]
        raise NotAsked(f"filedrop {arguments[0]} ended with status {status} and no JSON document: {last}") from None
    if not isinstance(found, dict):
        raise NotAsked(f"filedrop {arguments[0]} printed no JSON object.")
    if "error" in found and "jobs" not in found:
        raise NotAsked(str(found["error"]["message"]))
    return found


def server_here(folder: str = SERVER) -> _Document:
    """Describe the server of the role ``filedrop_server`` here: the folder of each account, and its host keys."""
    users = [line.split(":") for name in _names(folder, "users.", "") for line in _lines(f"{folder}/{name}")]
    keys = [line for name in _names(folder, "host_", ".pub") for line in _lines(f"{folder}/{name}")]
    return {"accounts": {user[0]: user[5] for user in users if len(user) > 5}, "host_keys": keys}


def _names(folder: str, begin: str, end: str) -> Sequence[str]:
    try:
        return sorted(name for name in os.listdir(folder) if name.startswith(begin) and name.endswith(end))
    except OSError:
        return ()


def _lines(path: str) -> Sequence[str]:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read().splitlines()
    except OSError:
        return ()
