# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Read the accounts and jobs of an inventory with the code that the command reads its files with.

All mistakes are found in one pass, each once. So an invalid inventory is refused on the control node, before anything
changes on any host. No message contains a secret.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from ..module_utils._engine.config import options as read
from ..module_utils._engine.config.accounts.account import protocol_of
from ..module_utils._engine.config.accounts.credentials import REFERENCE, resolve_reference
from ..module_utils._engine.config.files import ACCOUNT_OPTIONS, KEY_FILES, SECRETS, ConfiguredJob, GivenConfiguration
from ..module_utils._engine.errors import FiledropError
from ..module_utils._engine.keys.armour import find_pem, no_key
from ..module_utils._engine.remote.ssh.hostkeys import TrustedKeys
from . import _units as units

CONFIGURATION = "/etc/filedrop"
KEYS = f"{CONFIGURATION}/keys"
ON_REQUEST = "on_request"
"""The scheduler of jobs that a play runs itself: nothing is deployed for them."""

UNREADABLE = object()
"""The place of an account that may be defined in a variable whose value is invalid. That is told of the variable."""

_NO_HOST_KEYS = (
    "host_keys: this option is missing, and a job connects only to a server that its account trusts. The module "
    "courier.filedrop.host_keys_info shows what the server offers; compare that with what the provider published."
)
_PATHS = (
    *("src", "dest", "archive_dir", "rejected_dir", "done_dir", "failed_dir", "root"),
    *("private_key_file", "password_file", "passphrase_file"),
    *("ca_file", "client_certificate_file", "client_key_file", "client_secret_file"),
)
_SAFE_PATH = re.compile(r"/[A-Za-z0-9_./@+-]+")
_STAND_INS = {
    "account": "x",
    "src": "/srv",
    "dest": "/srv",
    "done_dir": "/srv/done",
    "failed_dir": "/srv/failed",
    "remote_dir": ".",
    "move_dir": "x",
    "root": "/srv",
}
_STAND_INS.update(host="x", username="x", private_key_file="/srv", client_certificate_file="/srv")
"""Values for missing options, so that the options after them are validated too."""

_WORDS = {
    "The name of the file is": "The name of the entry is",
    ", or begin it with ~": "",
    "use --ledger to select another one": "filedrop_ledger selects another one for the playbooks dropoff and pickup",
}
"""Words of the command about its files and flags, and what they are for variables of the inventory."""

_Found = TypeVar("_Found")


class InvalidVariables(Exception):
    """Report invalid variables.

    :ivar problems: one sentence or more for each, without line breaks.
    """

    def __init__(self, problems: list[str]) -> None:
        self.problems = list(dict.fromkeys(problems))
        super().__init__("\n".join(self.problems))


class InvalidOption(Exception):
    """Report one invalid option."""


@dataclass(frozen=True)
class Host:
    """Hold what the role knows about a host, apart from its accounts and jobs.

    :param scheduler: ``systemd``, ``cron`` or `ON_REQUEST`.
    :param keys_owner: the owner of the secrets: root if systemd passes them to the jobs; else the jobs' user.
    :param spread: seconds.
    :param shares_keys: all hosts have the same keys, and the role makes none.
    :param pins_later: an account may lack its host keys, because nothing connects yet.
    :param metrics_file: where the metrics of all jobs are written; empty: nowhere.
    """

    name: str
    user: str = "filedrop"
    scheduler: str = "systemd"
    keys_owner: str = "root"
    spread: int = 300
    shares_keys: bool = False
    pins_later: bool = False
    metrics_file: str = ""

    @property
    def deploys(self) -> bool:
        """Whether files and units are made for the jobs."""
        return self.scheduler != ON_REQUEST

    @property
    def hands_over(self) -> bool:
        """Whether systemd passes root's secrets to the jobs."""
        return self.keys_owner != self.user


@dataclass
class InventoryAccount:
    """Hold an account as it will be on the host.

    These are its options, its secrets by file name, the credentials that systemd passes to its jobs, and, by option,
    the files with secrets that exist on the host already.
    """

    options: dict[str, Any]
    secrets: dict[str, str] = field(default_factory=dict)
    credentials: list[units.Credential] = field(default_factory=list)
    given: dict[str, str] = field(default_factory=dict)
    generates: bool = False

    @property
    def root(self) -> str | None:
        """The folder on the host that is the mailbox, if the protocol is ``folder``."""
        found = self.options.get("root")
        return found if isinstance(found, str) and self.options.get("protocol") == "folder" else None


@dataclass
class Inventory:
    """Hold the accounts and jobs of a host, by name, as far as they are valid."""

    accounts: dict[str, InventoryAccount] = field(default_factory=dict)
    jobs: dict[str, ConfiguredJob] = field(default_factory=dict)


def read_inventory(accounts: Mapping[Any, Any], jobs: Mapping[Any, Any], host: Host, problems: list[str]) -> Inventory:
    """Read all accounts and jobs, and add what is invalid to the problems. An account or job with null is ignored."""
    known = {name: options for name, options in accounts.items() if options is not None}
    accounts = {name: options for name, options in known.items() if options is not UNREADABLE}
    jobs = {name: options for name, options in jobs.items() if options is not None}
    found = Inventory()
    for name, options in accounts.items():
        variable = f"filedrop_accounts.{shown(name)}"
        unknown = _unknown_nulls(options)
        try:
            read.label(name, name="filedrop_accounts")
            account = _account(name, dictionary(options, secret=True), host)
        except (FiledropError, InvalidOption) as error:
            problems.append(of_variable(variable, error))
            if isinstance(options, Mapping) and all(isinstance(option, str) for option in options):
                _all_mistakes(_read_account, {**unknown, **_without_secrets(options)}, variable, problems)
            continue
        given = {**unknown, **account.options}
        if _all_mistakes(_read_account, given, variable, problems, shown=options) is not None:
            found.accounts[name] = account
    for name, options in jobs.items():
        variable = f"filedrop_jobs.{shown(name)}"
        try:
            read.label(name, name="filedrop_jobs")
            given = dict(dictionary(options))
            if host.deploys:
                _require_plain_paths(given)
        except (FiledropError, InvalidOption) as error:
            problems.append(of_variable(variable, error))
            continue
        if given.get("account") is None and given.get("direction") is None:
            near = nearest(name, jobs)
            hint = f"Did you mean {near}?" if near else "Set both, or remove the job."
            problems.append(f"{variable}: this job has neither account nor direction. {hint}")
            continue
        job = _job(name, given, known, variable, problems)
        if job is not None:
            found.jobs[name] = job
    used = [options.get("account") for options in jobs.values() if isinstance(options, Mapping)]
    problems += [
        f"filedrop_accounts.{shown(name)}.{_NO_HOST_KEYS}"
        for name, options in accounts.items()
        if name in used and not host.pins_later and isinstance(options, Mapping) and _lacks_host_keys(options)
    ]
    return found


def _lacks_host_keys(options: Mapping[str, Any]) -> bool:
    return not options.get("host_keys") and _has_ssh_keys(options)


def _has_ssh_keys(options: Mapping[str, Any]) -> bool:
    """Return whether the account's protocol uses host keys and private keys."""
    return protocol_or_sftp(options) == "sftp"


def protocol_or_sftp(options: Mapping[str, Any]) -> str:
    """Return the protocol of an account. An invalid one counts as SFTP."""
    try:
        return protocol_of(options)
    except FiledropError:
        return "sftp"


def of_variable(variable: str, error: Exception) -> str:
    """Return the text of an error about a variable. An error about a name begins with its dictionary."""
    dictionary_of_it = variable.partition(".")[0]
    return f"{variable}: {str(error).removeprefix(f'{dictionary_of_it}: ')}"


# --- validation with the command's code


class _WithoutSecrets(GivenConfiguration):
    """A configuration on the control node, which has placeholders for the secrets that are on the host."""

    def _with_secrets(self, options: Mapping[str, object]) -> dict[str, object]:
        found = dict(options)
        for option in (*KEY_FILES, *(f"{secret}_file" for secret in SECRETS)):
            path = read.text(options, option)
            if path is None:
                continue
            path = read.absolute(resolve_reference(path, KEYS, option=option), name=option)
            found[option if option in KEY_FILES else option.removesuffix("_file")] = path
        return found


def _read_account(options: Mapping[str, Any]) -> object:
    account = _WithoutSecrets({"x": options}, {}).account("x")
    TrustedKeys.parse(account.host_keys)
    return account


def _job(
    name: str, options: dict[str, Any], accounts: Mapping[Any, Any], variable: str, problems: list[str]
) -> ConfiguredJob | None:
    """Read a job. If its account is unknown or invalid, the rest of the job is validated nevertheless."""
    if options.get("direction") == "import":
        return _all_mistakes(lambda left: GivenConfiguration({}, {name: left}).job(name), options, variable, problems)
    account = options.get("account")
    of_account = accounts.get(account) if isinstance(account, str) else None
    known = ", ".join(sorted(map(shown, accounts))) or "none"
    if account is None:
        problems.append(f"{variable}.account: this option is missing. Set it to one of filedrop_accounts: {known}.")
    elif isinstance(account, str) and account not in accounts:
        problems.append(
            f"{variable}: account: {read.abbreviated(account)} is not defined in filedrop_accounts, which has: {known}."
        )
    given = _sound_account(account, of_account)
    if given is None and (account is None or isinstance(account, str)):
        options = {**options, "account": "x"}

    def attempt(left: Mapping[str, Any]) -> ConfiguredJob:
        return GivenConfiguration(given or {"x": {"protocol": "folder"}}, {name: left}).job(name)

    job = _all_mistakes(attempt, options, variable, problems, needed=given is not None)
    return None if given is None else job


def _sound_account(name: object, options: object) -> dict[str, Mapping[str, Any]] | None:
    """Return the account by its name, if a job can be read with it."""
    if not isinstance(name, str) or not isinstance(options, Mapping):
        return None
    found = {name: options}
    try:
        GivenConfiguration(found, {}).preset_and_protocol_of(name)
    except FiledropError:  # that is told of the account
        return None
    return found


def _all_mistakes(
    attempt: Callable[[Mapping[str, Any]], _Found],
    options: Mapping[str, Any],
    variable: str,
    problems: list[str],
    *,
    shown: Mapping[str, Any] | None = None,
    needed: bool = True,
) -> _Found | None:
    """Read options, and add each mistake to the problems; the code that reads them stops at the first one.

    So an option that was refused is left out, or gets a value that is valid, and the rest is read again.

    :param shown: the options as the inventory has them, if they are others.
    :param needed: whether a missing option is a mistake: the account may have a preset that sets it.
    """
    left = dict(options)
    gone: set[str] = set()
    valid = True
    while True:
        try:
            found = attempt(left)
            return found if valid else None
        except FiledropError as error:
            text = re.sub(r"^'(\w+)'", r"\1", str(error))
            for words, of_variables in _WORDS.items():
                text = text.replace(words, of_variables)
            option = (re.match(r"\w+", text) or [""])[0]
            follows = error.reason != "option_unknown" and any(re.search(rf"\b{name}\b", text) for name in gone)
            if not (follows or (error.reason == "option_missing" and not needed)):
                problems.append(f"{variable}.{_with_kind(text, (shown or options).get(option))}")
            valid = False
            if option in gone and option not in left:
                if option not in _STAND_INS:
                    return None
            elif option in gone:
                return None
            gone.add(option)
            is_refused = error.reason == "option_unknown" or (option in left and error.reason == "option_invalid")
            if left.pop(option, None) is None and not is_refused:
                if option not in _STAND_INS:
                    return None
                left[option] = _STAND_INS[option]


def _unknown_nulls(options: object) -> dict[str, None]:
    """Return the options with null that no account has. An option with null is left out, and a mistyped one is not."""
    if not isinstance(options, Mapping):
        return {}
    known = (*ACCOUNT_OPTIONS, "private_key")
    return {option: None for option, value in options.items() if value is None and option not in known}


def _with_kind(text: str, value: object) -> str:
    """Add the type of the value to an error that does not tell it."""
    kind = read.kind_of(value)
    return text if value is None or kind in text else f"{text} (The value is {kind}.)"


def _without_secrets(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return an account's options with a placeholder for its key; what is wrong with secrets is told elsewhere."""
    secrets = ("private_key", "private_key_file", *SECRETS, *(f"{secret}_file" for secret in SECRETS))
    found = {key: value for key, value in options.items() if value is not None and key not in secrets}
    if found.get("protocol") == "folder":
        return found
    if _has_ssh_keys(found):
        return {**found, "private_key_file": "/x"}
    return {**found, "client_secret" if protocol_or_sftp(found) == "amili_api" else "password": "x"}


def nearest(name: object, known: Iterable[object]) -> str:
    """Return the known name that is most like another one; empty if none is."""
    return next(iter(difflib.get_close_matches(str(name), [str(each) for each in known if each != name], 1)), "")


def shown(name: object) -> str:
    """Return the name of an account or job for an error. It may be any text."""
    shown = read.abbreviated(name)
    return str(name) if shown in (repr(name), str(name)) and str(name).isprintable() else shown


def dictionary(options: object, *, secret: bool = False) -> Mapping[str, Any]:
    """Return the options of an account or a job. The value of a secret never appears in the error."""
    if not isinstance(options, Mapping):
        shown = "" if secret else f": {read.abbreviated(options)}"
        raise InvalidOption(f"the value must be a dictionary of options, but is {read.kind_of(options)}{shown}.")
    for option in options:
        if not isinstance(option, str):  # YAML reads the names on, off, yes and no as true and false
            what = f"the name of an option must be text, but is {read.kind_of(option)}: {read.abbreviated(option)}"
            raise InvalidOption(f"{what}. Correct it, or put it in quotes.")
    return options


# --- accounts and their secrets


def _require_plain_paths(options: Mapping[str, Any]) -> None:
    """Refuse paths that mean something else on the host or in a unit file than in the inventory."""
    for option in _PATHS:
        values = options.get(option)
        for path in values if isinstance(values, (list, tuple)) else [values]:
            if not isinstance(path, str):
                continue
            if path.startswith("~"):
                why = "begins with ~, which is another folder for each user. Use an absolute path"
                raise InvalidOption(f"{option}: {read.shown(option, path)} {why}.")
            if path != path.strip() or path.endswith("\\"):
                why = "ends with a backslash, or has a space at an end, which a unit file cannot have"
                raise InvalidOption(f"{option}: {read.shown(option, path)} {why}. Use another folder.")


def _account(name: str, options: Mapping[str, Any], host: Host) -> InventoryAccount:
    if host.deploys:
        _require_plain_paths(options)
    account = InventoryAccount({key: value for key, value in options.items() if value is not None})
    for secret in SECRETS:
        _move_secret(account, name, secret, host)
    key = read.text(account.options, "private_key", secret=True)
    account.options.pop("private_key", None)
    path = read.text(account.options, "private_key_file")
    if key is not None and path is not None:
        raise InvalidOption("private_key_file: cannot be used together with private_key. Remove one of the two.")
    if key is not None:
        body = key.encode()
        if find_pem(body) is None and _has_ssh_keys(account.options):
            raise InvalidOption(f"private_key: the text is no private key that can be used. {no_key(body, 'It')}")
        account.secrets[name] = key if key.endswith("\n") else key + "\n"
    client_key = read.text(account.options, "client_key_file")
    if client_key is not None:
        _refer_to_secret(account, name, "client_key_file", client_key, host)
    if not _has_ssh_keys(account.options) and path is None and key is None:
        return account
    has_password = f"{name}.password" in account.secrets or "password_file" in account.options
    if path is None and key is None and has_password:
        return account
    account.generates = path is None and key is None
    _refer_to_secret(account, name, "private_key_file", path, host)
    return account


def _move_secret(account: InventoryAccount, name: str, secret: str, host: Host) -> None:
    """Move a password or passphrase from the account's options into a file of its own."""
    text = read.text(account.options, secret, secret=True)
    account.options.pop(secret, None)
    path = read.text(account.options, f"{secret}_file")
    if text is not None and path is not None:
        raise InvalidOption(f"{secret}_file: cannot be used together with {secret}. Remove one of the two.")
    if text is not None:
        account.secrets[f"{name}.{secret}"] = text + "\n"
    if text is not None or path is not None:
        _refer_to_secret(account, name, f"{secret}_file", path, host)


def _credential(name: str, option: str) -> str:
    """Return the credential's name for the secret that an option of an account refers to."""
    return name if option == "private_key_file" else f"{name}.{option.removesuffix('_file')}"


def _refer_to_secret(account: InventoryAccount, name: str, option: str, given: str | None, host: Host) -> None:
    """Let systemd pass a secret to the account's jobs, because they cannot read root's files; else use its path.

    :param given: the value in the inventory: a path on the host, or a credential; None for a file among the keys.
    """
    credential = _credential(name, option)
    if not host.deploys:
        account.options[option] = given or f"{REFERENCE}{credential}"
        return
    said = read.shown(option, given)
    if given is not None and given.startswith(REFERENCE):
        credential = given[len(REFERENCE) :]
        given = None
    path = f"{KEYS}/{credential}" if given is None else given
    if not _SAFE_PATH.fullmatch(path):
        raise InvalidOption(
            f"{option}: {said} cannot be used in a unit file. Use an absolute path of letters, digits and "
            ". _ @ + - only."
        )
    account.options[option] = f"{REFERENCE}{credential}" if given is None or host.hands_over else given
    if given is not None:
        account.given[option] = given
    account.credentials.append(units.Credential(credential, path))
