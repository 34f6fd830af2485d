# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""List the faults of the sandbox by name, with their parameters.

Users write a fault as a name with parameters (``from_data``, ``from_text``). ``Chosen`` is its validated and complete
form, so two ways to write the same fault are equal. ``Chosen.make`` creates the fault object.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Callable, Union

from .._engine.errors import InputError
from . import fault_files, fault_links, fault_listings, faults
from .accounts import Account
from .api import faults as fault_api
from .faults import Aim, Fault
from .ftp import faults as fault_ftp
from .wire import Code, Kind

Value = Union[int, float, str]

_FOR_EVER = 2**62


@dataclass(frozen=True)
class Parameter:
    """Define a parameter: one of ``choices``, or a number of the default's type within the limits."""

    default: Value
    least: float = 0
    most: float = _FOR_EVER
    choices: tuple[str, ...] = ()

    def checked(self, fault: str, name: str, value: object) -> Value:
        """Return the value in its type. :raises InputError: the value is invalid."""
        if self.choices:
            if value in self.choices:
                return str(value)
            raise _wrong(fault, name, value, f"one of {', '.join(self.choices)}")
        whole = isinstance(self.default, int)
        limits = f"a {'whole ' if whole else ''}number from {self.least:g} to {self.most:g}"
        try:
            number = int(str(value)) if whole else float(str(value))
        except ValueError:
            raise _wrong(fault, name, value, limits) from None
        if not (math.isfinite(number) and self.least <= number <= self.most):
            raise _wrong(fault, name, value, limits)
        return number


@dataclass(frozen=True)
class Known:
    """Define one entry of the catalogue.

    :param does: what the server does, in a few words for a table.
    :param make: creates the fault from its aim and its parameters.
    :param over: the protocol that has it: ``sftp``, ``ftp`` for FTP and FTPS, or ``api`` for the files API. Empty: all.
    :param of_account: whether it can be limited to one account. It cannot if it occurs before the login.
    """

    does: str
    make: Callable[..., Fault]
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    of_account: bool = True
    over: str = ""


_REQUESTS = (fault_files.ANY, *(kind.name.lower() for kind in Kind if kind < Kind.STATUS or kind == Kind.EXTENDED))
_REQUEST = Parameter(fault_files.ANY, choices=tuple(name for name in _REQUESTS if name != "version"))
_DIRECTION = Parameter("down", choices=("up", "down"))
_PASSED = Parameter(100_000)
_COMMAND = Parameter(fault_ftp.ANY, choices=(fault_ftp.ANY, *fault_ftp.COMMANDS))
_MOMENT = Parameter("after", choices=("before", "after"))


def _data(manner: str, does: str) -> Known:
    return Known(does, lambda aim: fault_ftp.DataConnection(manner, aim), over="ftp")


def _refuse(*kinds: Kind, code: Code = Code.PERMISSION_DENIED, paths: str = "*") -> Callable[..., Fault]:
    return lambda aim: faults.Refuse(frozenset(kinds), code, paths, aim)


CATALOGUE: Mapping[str, Known] = {
    "answer_delayed": Known(
        "answers requests late",
        lambda aim, seconds, request: fault_files.AnswerDelayed(seconds, request, aim),
        {"seconds": Parameter(0.2, most=3600), "request": _REQUEST},
    ),
    "answer_missing": Known(
        "serves requests, but never answers them",
        lambda aim, request: fault_files.AnswerMissing(request, aim),
        {"request": _REQUEST},
    ),
    "answer_wrong": Known(
        "takes all files of a request, but answers something that does not prove it",
        lambda aim, kind: fault_api.AnswerWrong(kind, aim),
        {"kind": Parameter(fault_api.WRONG[0], choices=fault_api.WRONG)},
        over="api",
    ),
    "certificate_wrong": Known(
        "presents another certificate than before",
        lambda aim, kind: fault_ftp.CertificateWrong(kind, aim),
        {"kind": Parameter(fault_ftp.WRONG[0], choices=fault_ftp.WRONG)},
        of_account=False,
        over="ftp",
    ),
    "close_fails": Known("refuses to close uploaded files", _refuse(Kind.CLOSE, code=Code.FAILURE, paths="/input/*")),
    "command_refused": Known(
        "does not know a command, nor offers it",
        lambda aim, command: fault_ftp.CommandRefused(command, aim),
        {"command": Parameter("size", choices=fault_ftp.COMMANDS)},
        over="ftp",
    ),
    "connection_cut": Known(
        "cuts each connection after a number of bytes, including the handshake",
        lambda aim, direction, **rest: fault_links.LinkBreaks(rest["bytes"], direction, aim=aim),
        {"bytes": _PASSED, "direction": _DIRECTION},
        of_account=False,
    ),
    "connection_stalled": Known(
        "stops all traffic after a number of bytes, but keeps the connection open",
        lambda aim, direction, **rest: fault_links.LinkBreaks(rest["bytes"], direction, stall=True, aim=aim),
        {"bytes": _PASSED, "direction": _DIRECTION},
        of_account=False,
    ),
    "data_never_opens": _data("data_never_opens", "accepts data connections, but never serves them"),
    "deleted_comes_back": Known(
        "confirms a deletion, but restores the file, once for each name",
        fault_files.DeletedComesBack,
    ),
    "exclusive_ignored": Known(
        "ignores exclusive creation and overwrites an existing file", faults.ExclusiveIgnored, over="sftp"
    ),
    "file_gone_at_close": Known(
        "moves an uploaded file with any name to the folder taken, beside input, when it is closed",
        fault_files.FileGoneAtClose,
    ),
    "file_grows": Known(
        "lets files grow while they are read",
        lambda aim, **rest: fault_files.FileGrows(rest["bytes"], aim),
        {"bytes": Parameter(100, least=1, most=1_000_000)},
    ),
    "file_refused": Known("refuses files, and takes the others of the request", fault_api.FileRefused, over="api"),
    "file_replaced": Known(
        "replaces a file that was read by another file, once for each name",
        lambda aim, moment: fault_files.FileReplaced(moment, aim),
        {"moment": Parameter("closed", choices=("closed", "looked", "removed"))},
    ),
    "file_short": Known(
        "ends files after a number of bytes, before their reported size",
        lambda aim, **rest: fault_files.FileShort(rest["bytes"], aim),
        {"bytes": Parameter(1000)},
    ),
    "garbage": Known(
        "answers with random bytes, unframed or in a packet",
        lambda aim, request, kind, **rest: fault_files.Garbage(request, kind, rest["bytes"], aim),
        {
            "request": _REQUEST,
            "kind": Parameter("packet", choices=("packet", "bytes")),
            "bytes": Parameter(64, least=1, most=1_000_000),
        },
    ),
    "host_key_changed": Known(
        "presents other host keys than before", fault_links.HostKeyChanged, of_account=False, over="sftp"
    ),
    "listing_cut": Known("fails in the middle of a listing", fault_listings.ListingCut),
    "listing_endless": Known("lists new names without an end", fault_listings.ListingEndless),
    "listing_refused": Known("refuses to list folders", _refuse(Kind.OPENDIR)),
    "login_refused": Known("refuses all logins", fault_links.LoginRefused),
    "login_slow": Known(
        "delays each login",
        lambda aim, seconds: fault_links.LoginSlow(seconds, aim),
        {"seconds": Parameter(5.0, most=3600)},
    ),
    "name_hostile": Known(
        "lists a name that leads out of the folder, is invalid, is not a file, or appears twice",
        lambda aim, kind: fault_listings.NameHostile(kind, aim),
        {"kind": Parameter("parent", choices=(*fault_listings.HOSTILE, fault_listings.TWICE))},
    ),
    "no_close_notify": _data("no_close_notify", "ends data connections of TLS without a close_notify"),
    "no_extensions": Known("offers no extensions and serves none", faults.NoExtensions, over="sftp"),
    "one_file_open": Known(
        "refuses to open a file while the session has another one open", fault_files.OneFileOpen, over="sftp"
    ),
    "pasv_foreign": _data("pasv_foreign", "answers PASV with the address of another host"),
    "read_short": Known(
        "returns fewer bytes than requested in each read",
        lambda aim, **rest: fault_files.ReadShort(rest["bytes"], aim),
        {"bytes": Parameter(1000, least=1)},
    ),
    "remove_refused": Known("refuses to delete files", _refuse(Kind.REMOVE)),
    "rename_free_only": Known(
        "renames only to free names, even if overwriting was requested", fault_files.RenameFreeOnly
    ),
    "rename_overwrites": Known("overwrites existing files when renaming", fault_files.RenameOverwrites),
    "rename_refused": Known("refuses to rename files", _refuse(Kind.RENAME)),
    "reply_twice": Known(
        "sends a reply twice",
        lambda aim, command: fault_ftp.ReplyTwice(command, aim),
        {"command": _COMMAND},
        over="ftp",
    ),
    "request_cuts": Known(
        "cuts the connection at a request, before or after it was served",
        lambda aim, request, moment: fault_files.RequestCuts(request, moment, aim),
        {"request": _REQUEST, "moment": _MOMENT},
    ),
    "service_closes": Known(
        "answers 421 and closes the connection, before or after a command was served",
        lambda aim, command, moment: fault_ftp.ServiceCloses(command, moment, aim),
        {"command": _COMMAND, "moment": _MOMENT},
        over="ftp",
    ),
    "session_reuse_required": _data(
        "session_reuse_required", "refuses data connections that do not reuse the TLS session"
    ),
    "setstat_refused": Known("refuses to set permissions and times", _refuse(Kind.SETSTAT, Kind.FSETSTAT)),
    "size_absurd": Known(
        "reports an absurd size for every file",
        lambda aim, **rest: fault_files.SizeWrong(absolute=rest["bytes"], aim=aim),
        {"bytes": Parameter(2**63 - 1, most=2**64 - 1)},
    ),
    "size_wrong": Known(
        "reports a wrong size for every file",
        lambda aim, difference: fault_files.SizeWrong(difference, aim=aim),
        {"difference": Parameter(1, least=-_FOR_EVER)},
    ),
    "stat_refused": Known("refuses to report the attributes of files", _refuse(Kind.STAT, Kind.LSTAT, Kind.FSTAT)),
    "upload_answered": Known(
        "answers a request with a status, before or after it has taken the files",
        lambda aim, status, seconds, moment: fault_api.UploadAnswered(status, seconds, moment, aim),
        {
            "status": Parameter(429, least=300, most=599),
            "seconds": Parameter(1.0, most=3600),
            "moment": Parameter("before", choices=_MOMENT.choices),
        },
        over="api",
    ),
    "upload_cut": Known(
        "cuts the connection instead of an answer, before or after it has taken the files",
        lambda aim, moment: fault_api.UploadCut(moment, aim),
        {"moment": _MOMENT},
        over="api",
    ),
    "upload_short": Known(
        "stores only a number of bytes of each file, and confirms all of them",
        lambda aim, **rest: fault_files.UploadShort(rest["bytes"], aim),
        {"bytes": Parameter(1000)},
    ),
    "write_fails": Known(
        "accepts only a number of bytes of each file",
        lambda aim, **rest: fault_files.WriteFails(rest["bytes"], aim),
        {"bytes": Parameter(10_000)},
    ),
}

_AFTER = Parameter(0)
_TIMES = Parameter(1, least=1)


@dataclass(frozen=True)
class Chosen:
    """Hold a validated fault with all of its parameters."""

    name: str
    parameters: tuple[tuple[str, Value], ...] = ()
    account: str | None = None
    after: int = 0
    times: int | None = None

    def make(self) -> Fault:
        """Create the fault object. Its counters start now."""
        return CATALOGUE[self.name].make(aim=Aim(self.account, self.after, self.times), **dict(self.parameters))

    def to_data(self) -> dict[str, Value | None]:
        """Convert it to the input of ``from_data``."""
        return {
            "name": self.name,
            **dict(self.parameters),
            "account": self.account,
            "after": self.after,
            "times": self.times,
        }


def from_data(data: Mapping[str, Any]) -> Chosen:
    """Read a fault from a mapping of its name, its parameters, and optional ``account``, ``after`` and ``times``.

    ``None`` means "not given".

    :raises InputError: unknown fault, unknown parameter, or invalid value.
    """
    given = {str(key): value for key, value in data.items() if value is not None}
    name = str(given.pop("name", ""))
    known = CATALOGUE.get(name)
    if known is None:
        raise InputError("fault_unknown", f"Unknown fault {name!r}.", f"Known faults: {', '.join(sorted(CATALOGUE))}.")
    account = given.pop("account", None)
    if account is not None and not known.of_account:
        raise InputError(
            "fault_without_account",
            f"The fault {name} occurs before the login, so it cannot be limited to the account {account!r}.",
            "Remove account.",
        )
    after, times = given.pop("after", None), given.pop("times", None)
    strange = sorted(set(given) - set(known.parameters))
    if strange:
        own = ", ".join(sorted(known.parameters)) or "none"
        raise InputError(
            "fault_parameter_unknown",
            f"The fault {name} has no parameter {strange[0]!r}.",
            f"Its own parameters: {own}. Every fault has after and times{', and account' if known.of_account else ''}.",
        )
    return Chosen(
        name,
        tuple((key, one.checked(name, key, given.get(key, one.default))) for key, one in known.parameters.items()),
        None if account is None else str(account),
        0 if after is None else int(_AFTER.checked(name, "after", after)),
        None if times is None else int(_TIMES.checked(name, "times", times)),
    )


def from_text(text: str) -> Chosen:
    """Read a fault from text: ``name``, or ``name:key=value,key=value``. :raises InputError: as ``from_data``."""
    name, _colon, rest = text.partition(":")
    data: dict[str, str] = {}
    for part in filter(None, rest.split(",")):
        key, sign, value = part.partition("=")
        if not sign or key == "name":
            raise InputError(
                "fault_malformed",
                f"{part!r} in the fault {text!r} is not a parameter with a value.",
                "Write a fault as name:key=value,key=value.",
            )
        data[key] = value
    return from_data({**data, "name": name})


def made(one: Fault | Chosen | Mapping[str, Any] | str) -> Fault:
    """Create the fault object from any of its forms. :raises InputError: as ``from_data``."""
    if isinstance(one, Fault):
        return one
    if isinstance(one, str):
        one = from_text(one)
    return (one if isinstance(one, Chosen) else from_data(one)).make()


def check_accounts(chosen: Iterable[Chosen], accounts: Iterable[Account]) -> None:
    """:raises InputError: a fault is limited to an unknown account."""
    names = [one.username for one in accounts]
    for one in chosen:
        if one.account is not None and one.account not in names:
            raise InputError(
                "fault_account_unknown",
                f"The fault {one.name} is limited to the account {one.account!r}, which does not exist in the sandbox.",
                f"Existing accounts: {', '.join(names)}.",
            )


def _wrong(fault: str, name: str, value: object, allowed: str) -> InputError:
    return InputError(
        "fault_parameter_invalid",
        f"The parameter {name} of the fault {fault} is {value!r}, but must be {allowed}.",
        "Set another value, or remove it for the default.",
    )
