# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Connect Ansible to the engine: argument specs, check and diff mode, results, and errors as fail_json."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from types import TracebackType
from typing import TYPE_CHECKING, Any

from ._engine.config.accounts.account import protocol_of
from ._engine.config.options import clean
from ._engine.config.paths import default_ledger
from ._engine.errors import DependencyError, FiledropError, unexpected
from ._engine.local import names
from ._lost_ledger import require_not_lost
from ._respawn import respawn_if_needed

if TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule

Result = dict[str, Any]

# Options have no default here, because a preset may provide one for an option that is not given.
ACCOUNT_SPEC: dict[str, Any] = {
    "account": {"type": "str"},
    "preset": {"type": "str"},
    "protocol": {"type": "str", "choices": ["sftp", "ftps", "ftp", "folder", "amili_api"]},
    "host": {"type": "str"},
    "port": {"type": "int"},
    "username": {"type": "str"},
    "private_key_file": {"type": "path", "no_log": False},
    "passphrase": {"type": "str", "no_log": True},
    "password": {"type": "str", "no_log": True},
    "host_keys": {"type": "list", "elements": "str", "no_log": False},
    "timeout": {"type": "float"},
    "connections": {"type": "int"},
    "max_open": {"type": "int"},
    "transport": {"type": "str", "choices": ["paramiko", "openssh", "auto"]},
    "certificate_file": {"type": "path"},
    "proxy_jump": {"type": "list", "elements": "str"},
    "legacy_algorithms": {"type": "list", "elements": "str"},
    "bandwidth_limit": {"type": "str"},
    "root": {"type": "path"},
    "tls": {"type": "str", "choices": ["explicit", "implicit"]},
    "ca_file": {"type": "path"},
    "tls_fingerprints": {"type": "list", "elements": "str"},
    "client_certificate_file": {"type": "path"},
    "client_key_file": {"type": "path", "no_log": False},
    "allow_cleartext": {"type": "bool"},
    "passive_host": {"type": "str", "choices": ["control", "given"]},
    "encoding": {"type": "str", "choices": ["utf-8", "latin-1"]},
    "base_url": {"type": "str"},
    "token_url": {"type": "str", "no_log": False},
    "client_id": {"type": "str"},
    "client_secret": {"type": "str", "no_log": True},
    "client_no": {"type": "str"},
    "user_id": {"type": "str"},
    "proxy": {"type": "str"},
    "max_request_files": {"type": "int"},
    "max_request_bytes": {"type": "str"},
}

FOLDER_SPEC: dict[str, Any] = {
    "remote_dir": {"type": "str"},
    "include": {"type": "list", "elements": "str"},
    "exclude": {"type": "list", "elements": "str"},
    "max_results": {"type": "int", "default": 1000},
}

LEDGER_SPEC: dict[str, Any] = {"ledger": {"type": "path"}}

JOB_SPEC: dict[str, Any] = {
    **FOLDER_SPEC,
    **LEDGER_SPEC,
    "modified_from": {"type": "str"},
    "modified_to": {"type": "str"},
    "companions": {"type": "list", "elements": "raw"},
    "settle": {"type": "float"},
    "empty": {"type": "str", "choices": ["transfer", "skip", "refuse"]},
    "max_files": {"type": "int"},
    "max_bytes": {"type": "str"},
}


class FailJson:
    """Turn errors within the block into fail_json. Unexpected errors are reported with their place in the code.

    No secret appears: the engine's errors contain none, and Ansible masks the values of ``no_log`` options.
    """

    def __init__(self, module: AnsibleModule) -> None:
        self._module = module

    def __enter__(self) -> FailJson:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, DependencyError):
            text, cause = f"{error} The module ran with {sys.executable}.", error.__cause__
            found = "".join(traceback.format_exception(type(cause), cause, cause.__traceback__)) if cause else None
            self._module.fail_json(msg=text, reason=error.reason, exception=found)
        if isinstance(error, FiledropError):
            self._module.fail_json(msg=str(error), reason=error.reason)
        if isinstance(error, Exception):
            self._module.fail_json(
                msg=names.shown(str(unexpected(error, " with the output of -vvv"))), reason="unexpected"
            )


def run_module(module: AnsibleModule, work: Callable[[], Result], *, offline: bool = False) -> None:
    """Run a module's work, and exit with its result or fail with its error.

    :param offline: the module does not connect, so the libraries for connections may be missing.
    """
    with FailJson(module):
        be_able_to_connect(module.params, offline=offline)
        result = work()
    module.exit_json(**presentable(result))


def ledger_path(module: AnsibleModule) -> str:
    """Return the ledger of the task, or this user's default ledger."""
    return clean(str(module.params["ledger"] or default_ledger()), name="ledger")


def ledger_to_write(module: AnsibleModule) -> str:
    """Return the ledger of a task that creates a missing one.

    :raises LedgerError: this host had a ledger, and it was lost, or its path is mistyped.
    """
    found = ledger_path(module)
    require_not_lost(found)
    return found


def iso(seconds: float | None) -> str | None:
    """Format seconds since 1970 as ISO 8601 in UTC; None if they are outside of the calendar."""
    if seconds is None:
        return None
    try:
        return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (OSError, OverflowError, ValueError):
        return None


def presentable(value: Any) -> Any:
    """Copy a value and make all text valid UTF-8. One invalid name makes ansible-core discard a whole result."""
    if isinstance(value, str):
        return value.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    if isinstance(value, dict):
        return {presentable(key): presentable(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [presentable(entry) for entry in value]
    return value


def be_able_to_connect(account: Mapping[str, Any], *, offline: bool = False) -> None:
    """Ensure that the library is there that the account's protocol needs. No other library is loaded."""
    library = {"sftp": "paramiko", "amili_api": "urllib3"}.get("" if offline else protocol_of(account))
    respawn_if_needed(library)
    if library == "paramiko":
        from ._engine._paramiko import require
    elif library == "urllib3":
        from ._engine._urllib3 import require
    else:
        return
    require()


def key_file(module: AnsibleModule, text: str, name: str = "key") -> str:
    """Write a private key to a file that is removed when the module ends."""
    path = os.path.join(module.tmpdir, name)
    with open(path, "w", encoding="utf-8", opener=lambda name, flags: os.open(name, flags | os.O_EXCL, 0o600)) as file:
        file.write(text if text.endswith("\n") else f"{text}\n")
    return path
