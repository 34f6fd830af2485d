# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Read the accounts and jobs of a host: one JSON file each. The file's name is the name of the account or job.

    accounts/NAME.json    the options of an account
    jobs/NAME.json        the options of a job, with its account, direction, schedule and time limit
    keys/NAME             private keys and other secrets, each readable by its owner only

Unknown options are errors: a silently ignored typo could move the wrong files.
"""

from __future__ import annotations

import difflib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple, NoReturn

from ..errors import FiledropError, InputError
from . import options as read
from .accounts.account import Account, account_from_options, protocol_of
from .accounts.credentials import read_secret, require_private, require_reachable, resolve_reference
from .accounts.presets import Preset, preset_named
from .jobs.directions import READERS
from .jobs.job import Job, default_max_age
from .jobs.retention import Retention, retention_from_options
from .jobs.watch import NOTHING_EXPECTED, Watch, watch_from_options
from .jobs.watch import OPTIONS as WATCH_OPTIONS
from .schedule import LONGEST, MINUTE, WEEK, Schedule, duration, schedule_from_options

DEFAULT_FOLDER = "/etc/filedrop"
LONGEST_FILE = 1024**2  # bytes

ACCOUNT_OPTIONS = (
    *("preset", "protocol", "host", "port", "username", "host_keys", "timeout", "connections", "max_open"),
    *("transport", "certificate_file", "proxy_jump", "legacy_algorithms", "bandwidth_limit", "root"),
    *("private_key_file", "passphrase", "passphrase_file", "password", "password_file"),
    *("tls", "ca_file", "tls_fingerprints", "client_certificate_file", "client_key_file"),
    *("allow_cleartext", "passive_host", "encoding"),
    *("base_url", "token_url", "client_id", "client_secret", "client_secret_file", "client_no", "user_id", "proxy"),
    *("max_request_files", "max_request_bytes"),
)
KEY_FILES = ("private_key_file", "client_key_file")
SECRETS = ("passphrase", "password", "client_secret")

THIS_HOST = "this-host"
"""The account of imports, which move nothing to another host or from one. No account of a file can have this name."""

_COMMON = (
    *("account", "direction", "enabled", "every", "on_calendar", "time_limit", "retention", "max_age", "share"),
    *("remote_dir", "include", "exclude", "modified_from", "modified_to", "companions", "settle"),
    *("empty", "max_files", "max_bytes", "max_results", "after"),
    *WATCH_OPTIONS,
)
JOB_OPTIONS: Mapping[str, tuple[str, ...]] = {
    "dropoff": (
        *(*_COMMON, "src", "upload", "temp_name", "verify", "archive_dir", "ambiguous", "on_arrival"),
        *("group", "file_mode", "by_hand", "file_types", "rejected_dir", "taken_within"),
    ),
    "pickup": (*_COMMON, "dest", "move_dir", "verify", "on_duplicate", "min_free", "group", "file_mode"),
    "import": (
        *("direction", "enabled", "every", "on_calendar", "on_arrival", "time_limit", "retention", "max_age"),
        *("src", "include", "exclude", "companions", "settle", "verify", "max_files", "max_bytes", "max_results"),
        *("handler", "handler_time_limit", "done_dir", "failed_dir", "tries", "workers", "order", "ambiguous"),
        *WATCH_OPTIONS,
    ),
}

_NEVER_NULL = ("include", "enabled")


@dataclass(frozen=True)
class ConfiguredJob:
    """Hold a job with the options of its file that are not part of the movement. Times are in seconds.

    ``by_hand``: a person exports chosen files with it, and nothing else runs it.
    """

    job: Job
    account: str
    schedule: Schedule
    max_age: int
    enabled: bool = True
    by_hand: bool = False
    time_limit: int | None = None
    retention: Retention | None = None
    watch: Watch = NOTHING_EXPECTED

    @property
    def name(self) -> str:
        return self.job.name


class Configuration:
    """Read the files under a folder such as ``/etc/filedrop``. Each file is read when it is needed.

    :raises InputError: from every method, if a file is missing or invalid. The error names the file.
    """

    def __init__(self, folder: str = DEFAULT_FOLDER) -> None:
        self.folder = folder

    def job_names(self) -> list[str]:
        """Return the names of all files of jobs, sorted. One of them may be invalid; then reading that job says so."""
        folder = os.path.join(self.folder, "jobs")
        try:
            found = [name[: -len(".json")] for name in os.listdir(folder) if name.endswith(".json") and name[0] != "."]
        except FileNotFoundError:
            raise InputError("file_missing", f"{folder}: no such folder.", _FOLDER_HINT) from None
        except OSError as error:
            raise _unreadable(folder, error) from None
        return sorted(found)

    def job_file(self, name: str) -> str:
        """Return the path of the file of a job."""
        return self._path("jobs", name)

    def job_changed_at(self, name: str) -> float | None:
        """Return when the file of a job was written, in seconds since 1970; None if it cannot be examined."""
        try:
            return os.stat(self.job_file(name)).st_mtime
        except OSError:
            return None

    def job(self, name: str) -> ConfiguredJob:
        """Read one job, with the defaults of its account's preset."""
        found = self._load("jobs", name)
        options = found.options
        with found.named_in_errors():
            direction = read.choice(options, "direction", tuple(JOB_OPTIONS), "")
            if not direction:
                raise read.missing("direction", "this option is missing", f"Set it to {' or '.join(JOB_OPTIONS)}.")
            _refuse_unknown(options, JOB_OPTIONS[direction], _JOB_HINTS)
            read.refuse_null(options, _NEVER_NULL)
            account = THIS_HOST if direction == "import" else self._account_in(options)
        preset, protocol = self.preset_and_protocol_of(account)
        with found.named_in_errors():
            if direction == "dropoff" and protocol != "folder":
                _refuse_permissions(options, protocol)
            job = READERS[direction](options, preset, name=name, protocol=protocol)
            by_hand = read.boolean(read.merged(options, preset.of(direction)), "by_hand", default=False)
            return ConfiguredJob(
                job=job,
                account=account,
                schedule=_schedule(options, preset.of(direction), by_hand=by_hand),
                max_age=_max_age(options, job.settle),
                enabled=read.boolean(options, "enabled", default=True),
                by_hand=by_hand,
                time_limit=duration(options, "time_limit", low=1, high=WEEK),
                retention=retention_from_options(options),
                watch=watch_from_options(options, job, protocol),
            )

    def _account_in(self, options: Mapping[str, object]) -> str:
        account = read.text(options, "account")
        if account is None:
            raise read.missing("account", "this option is missing", f"Name a file in {self.folder}/accounts.")
        return read.label(account, name="account")

    def account(self, name: str) -> Account:
        """Read one account with its secrets. The file's name is also the account's name in the ledger."""
        if name == THIS_HOST:
            return Account(name, protocol="", host="", port=0, username="")
        found = self._load("accounts", name)
        with found.named_in_errors():
            _refuse_unknown(found.options, ACCOUNT_OPTIONS, _ACCOUNT_HINTS)
            for secret in SECRETS:
                if found.status is not None and found.options.get(secret) is not None:
                    require_private(found.path, found.status, option=secret)
            return account_from_options({**self._with_secrets(found.options), "account": name})

    def account_without_secrets(self, name: str) -> Account:
        """Read one account. Its secrets, which only the user of its jobs may be able to read, are placeholders."""
        if name == THIS_HOST:
            return self.account(name)
        found = self._load("accounts", name)
        with found.named_in_errors():
            options = found.options
            _refuse_unknown(options, ACCOUNT_OPTIONS, _ACCOUNT_HINTS)
            given = {secret: "secret" for secret in SECRETS if options.get(secret) or options.get(f"{secret}_file")}
            return account_from_options({**self._with_key(options), **given, "account": name})

    def private_key_file(self, name: str) -> tuple[str | None, bool]:
        """Return the path of an account's private key, and whether it can be rotated.

        It can be if it is in the folder of keys or handed over, and has no certificate.
        """
        options = self._load("accounts", name).options
        path = self._with_key(options).get("private_key_file")
        if not isinstance(path, str):
            return None, False
        is_ours = path != options["private_key_file"] or os.path.dirname(path) == self._keys
        return path, is_ours and "certificate_file" not in options

    def root_of(self, name: str) -> str | None:
        """Return the folder of an account that is one, without its secrets; None if there is no such account."""
        try:
            return read.local_path(self._load("accounts", name).options, "root")
        except InputError:
            return None

    def preset_and_protocol_of(self, account: str) -> tuple[Preset, str]:
        """Read what a job must know of its account."""
        if account == THIS_HOST:
            return Preset(), ""
        found = self._load("accounts", account)
        with found.named_in_errors():
            return preset_named(read.text(found.options, "preset")), protocol_of(found.options)

    def _load(self, kind: str, name: str) -> _Loaded:
        path = self._path(kind, name)
        return _Loaded(*_read_object(path), path)

    def _with_secrets(self, options: Mapping[str, object]) -> dict[str, object]:
        """Replace the options that name files of secrets by the content of these files."""
        keys, found = self._keys, self._with_key(options)
        for option in KEY_FILES:
            key = found.get(option)
            if isinstance(key, str):
                require_reachable(key, option=option)
        for secret in SECRETS:
            option = f"{secret}_file"
            reference = read.text(options, option)
            if reference is None:
                continue
            if options.get(secret) is not None:
                way_out = f"Remove {secret} or {option}."
                raise InputError("option_invalid", f"{option}: cannot be used together with {secret}.", way_out)
            path = read.absolute(resolve_reference(reference, keys, option=option), name=option)
            require_reachable(path, option=option)
            found[secret] = read_secret(path, option=option)
        return found

    def _with_key(self, options: Mapping[str, object]) -> dict[str, object]:
        """Replace the references to private keys by the paths of their files."""
        given = {option: read.text(options, option) for option in KEY_FILES}
        found = {
            key: resolve_reference(path, self._keys, option=key) for key, path in given.items() if path is not None
        }
        return {**options, **found}

    @property
    def _keys(self) -> str:
        return os.path.join(self.folder, "keys")

    def _path(self, kind: str, name: str) -> str:
        folder = os.path.join(self.folder, kind)
        if not read.LABEL.fullmatch(name):
            meant = os.path.basename(name).lower().replace(".json", "").replace("-", "_")
            finding = f"{folder}: {read.abbreviated(name)} is not a valid name of {_A[kind]}."
            raise InputError("option_invalid", finding, f"{_hint_of_names(folder, meant)} {_NAME_RULES}")
        return os.path.join(folder, f"{name}.json")


class GivenConfiguration(Configuration):
    """Accounts and jobs from dictionaries, for callers that have no files. Errors name the option alone.

    :param folder: the folder whose ``keys`` have the secrets that an account refers to.
    """

    def __init__(
        self,
        accounts: Mapping[str, Mapping[str, Any]],
        jobs: Mapping[str, Mapping[str, Any]],
        folder: str = DEFAULT_FOLDER,
    ) -> None:
        super().__init__(folder)
        self._given = {"accounts": accounts, "jobs": jobs}

    def job_names(self) -> list[str]:
        return sorted(self._given["jobs"])

    def _load(self, kind: str, name: str) -> _Loaded:
        read.label(name, name=_SINGULAR[kind])
        if name not in self._given[kind]:
            raise InputError(
                "option_invalid", f"{_SINGULAR[kind]}: {name!r} is not defined.", "Define it, or correct the name."
            )
        return _Loaded(dict(self._given[kind][name]))


class _Loaded(NamedTuple):
    """The options of an account or a job, and where they come from.

    :ivar status: of the file; None if there is none.
    """

    options: dict[str, Any]
    status: os.stat_result | None = None
    path: str = ""

    @contextmanager
    def named_in_errors(self) -> Iterator[None]:
        """Add the file's path to errors about options that are raised within the block."""
        try:
            yield
        except InputError as error:
            if not self.path:
                raise
            raise InputError(error.reason, f"{self.path}: {error.finding}", error.way_out) from error


_SINGULAR = {"accounts": "account", "jobs": "job"}


_A = {"jobs": "a job", "accounts": "an account"}
_NAME_RULES = "Use 1 to 63 lower-case letters, digits and underscores; begin with a letter or digit."
_JOB_HINTS = {
    "ledger": "All jobs of a host share one ledger; use --ledger to select another one.",
    "name": "The name of the file is the name of the job.",
}
_ACCOUNT_HINTS = dict.fromkeys(("account", "name"), "The name of the file is the name of the account.")


def _read_object(path: str) -> tuple[dict[str, Any], os.stat_result]:
    """Read a JSON object and the status of its file; duplicate options are errors."""
    try:
        with open(path, "rb") as file:
            status = os.fstat(file.fileno())
            body = file.read(LONGEST_FILE + 1)
    except OSError as error:
        raise _unreadable(path, error) from None
    try:
        if len(body) > LONGEST_FILE:
            raise ValueError(f"it is larger than {LONGEST_FILE} bytes")
        found = json.loads(body.decode("utf-8"), object_pairs_hook=_reject_duplicates, parse_constant=_reject_constant)
    except RecursionError:
        raise _malformed(path, "it is nested too deeply") from None
    except UnicodeDecodeError:
        raise _malformed(path, "it is not UTF-8") from None
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise _malformed(path, f"{error.msg.lower()} ({where})") from None
    except ValueError as error:
        raise _malformed(path, str(error)) from None
    if not isinstance(found, dict):
        raise _malformed(path, f"it must be a dictionary, but is {read.kind_of(found)}")
    return found, status


def _reject_duplicates(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise ValueError(f"it has {read.abbreviated(name)} twice")
        found[name] = value
    return found


def _reject_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is not a valid number")


def _malformed(path: str, why: str) -> InputError:
    return InputError("file_malformed", f"{path}: the file is not the expected JSON: {why}.", "Correct the file.")


def _unreadable(path: str, error: OSError) -> FiledropError:
    if isinstance(error, FileNotFoundError):
        return InputError(
            "file_missing",
            f"{path}: no such file.",
            _hint_of_names(os.path.dirname(path), os.path.basename(path)[: -len(".json")]),
        )
    why = (error.strerror or str(error)).lower()
    is_denied = isinstance(error, PermissionError)
    way_out = (
        "Allow the user that runs the jobs to read it: see ls -l, chgrp and chmod." if is_denied else "Correct it."
    )
    return InputError("file_unreadable", f"{path}: cannot be read: {why}.", way_out)


_FOLDER_HINT = "Create it, or set --config to the folder of your accounts and jobs."


def _hint_of_names(folder: str, name: str) -> str:
    """List the files that exist, as a hint for a mistyped name."""
    try:
        found = sorted(each[: -len(".json")] for each in os.listdir(folder) if each.endswith(".json"))
    except OSError:
        found = []
    near = difflib.get_close_matches(name, found, 1)
    guess = f"Did you mean {near[0]}? " if near else ""
    return f"{guess}Existing {os.path.basename(folder)}: {', '.join(found) or 'none'}."


def _schedule(options: Mapping[str, object], defaults: Mapping[str, object], *, by_hand: bool) -> Schedule:
    """Read the schedule of a job. The preset's own counts if the job has none; a job for export by hand has none."""
    given = [name for name in ("every", "on_calendar", "on_arrival") if options.get(name) not in (None, False)]
    if by_hand and given:
        why = "is given, but the job is for export by hand (by_hand), so nothing starts it"
        raise read.invalid(given[0], options[given[0]], why, f"Remove {given[0]}, or set by_hand to false.")
    if not by_hand and not {"every", "on_calendar"} & set(given):
        options = read.merged(options, defaults)
    return schedule_from_options(options)


def _max_age(options: Mapping[str, object], settle: float) -> int:
    found = duration(options, "max_age", low=MINUTE, high=LONGEST)
    if found is None:
        return default_max_age(settle)
    if found <= settle:
        why = f"is not longer than settle ({settle:g} s), so every file would need a person before it is moved"
        raise read.invalid("max_age", options["max_age"], why, "Set max_age to a longer time, such as 24h.")
    return found


def _refuse_permissions(options: Mapping[str, object], protocol: str) -> None:
    """Only files of this host have a group and a mode that a drop-off can set."""
    for name in ("group", "file_mode"):
        if options.get(name) is not None:
            raise InputError(
                "option_unknown",
                f"{name}: unknown option for a drop-off over the protocol {protocol}.",
                "Leave it out; only a drop-off into an account of the protocol folder has it, and a pickup.",
            )


def _refuse_unknown(options: Mapping[str, object], known: Iterable[str], hints: Mapping[str, str]) -> None:
    for name in options:
        if name in known:
            continue
        near = difflib.get_close_matches(name, known, 1)
        elsewhere = [direction for direction, names in JOB_OPTIONS.items() if name in names and hints is _JOB_HINTS]
        if name in hints:
            way_out = hints[name]
        elif elsewhere:
            way_out = f"It is an option for jobs with direction {elsewhere[0]}."
        elif near:
            way_out = f"Did you mean {near[0]}?"
        else:
            way_out = f"Known options: {', '.join(sorted(known))}."
        raise InputError("option_unknown", f"{read.abbreviated(name)}: unknown option.", way_out)
