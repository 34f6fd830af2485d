# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Define the command line: subcommands, options and help. The completion and the manual page are made from it."""

from __future__ import annotations

import argparse
import difflib
import re
import textwrap
from collections.abc import Iterable, Sequence
from typing import Any, NoReturn

from ..config.files import DEFAULT_FOLDER
from ..config.paths import SYSTEM_LEDGER
from ..keys.spec import REGENERATE, TYPES
from ..ledger.history import MOST
from ..states import OUTCOMES
from ..version import VERSION

DESCRIPTION = """\
Moves files between this host and providers: complete, verified, once, and never
lost.

A job says what to move. An account says how to reach the other side. Each is
one JSON file. The ledger records what was moved. The next run uses it to
complete whatever was interrupted."""

EPILOG = f"""\
examples:
  filedrop check                    can all jobs work, and what would they do?
  filedrop run invoices             run the job invoices now
  filedrop run invoices --dry-run   show what that would do; change nothing
  filedrop export documents --from 2026-11-01 --kind invoices
                                    send the invoices since then by hand
  filedrop status                   is all well?
  filedrop history invoices -n 5    show the last 5 files of the job
  filedrop list reports             show what waits at the provider
  filedrop resolve invoices i-7.xml --resend
                                    the file did not arrive: send it again
  filedrop keygen amili             make the key of an account, and show it
  filedrop status --json | jq .jobs
                                    output for programs

exit status:
  0  all is well; this includes a run with nothing to do
  1  some files failed, or wait for a name that is taken on the server, or the
     run ended early; the next run tries again
  2  the job could not run: an error in the configuration, the connection or
     the disk
  3  a person is needed: files are held for a decision (filedrop resolve), or
     have waited too long; the ledger is missing (filedrop init); or status has
     found something else
  4  another run of the job is active

files:
  {DEFAULT_FOLDER}/accounts/NAME.json  how to reach a mailbox
  {DEFAULT_FOLDER}/jobs/NAME.json      what to move
  {DEFAULT_FOLDER}/keys/NAME           private keys and passwords, each
                                    readable by its owner only
  {SYSTEM_LEDGER}  the ledger; keep it"""

_WIDTH = 78
_HINT = """\
filedrop COMMAND --help explains one of them. filedrop --help has examples, the
exit statuses and the files."""


class Parser(argparse.ArgumentParser):
    """Parse a command line; suggest the nearest word for one that is mistyped.

    :ivar subcommands: their parsers, by name.
    """

    def __init__(self, *, summary: str = "", **options: Any) -> None:
        super().__init__(formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False, **options)
        self.summary = summary
        self.subcommands: dict[str, Parser] = {}

    def parse(self, arguments: Sequence[str]) -> argparse.Namespace:
        """Parse the arguments. End the process with status 2 if they are invalid, or if there is no subcommand."""
        given, unknown = self.parse_known_args(arguments)
        if given.command is None:
            self.exit(2, f"{self.format_usage()}\n{self._summary()}\n{_HINT}\n")
        if unknown:
            self.subcommands[given.command].error(f"unrecognized arguments: {' '.join(unknown)}")
        return given

    def error(self, message: str) -> NoReturn:
        found = re.search(r"invalid choice: '(.*?)'|unrecognized arguments: (\S+)", message)
        word = next((each for each in found.groups() if each), "") if found else ""
        known = self._option_string_actions if word.startswith("-") else self.subcommands
        near = nearest(word, known)
        super().error(f"{message}{f'. Did you mean {near}?' if near else ''}")

    def _summary(self) -> str:
        width = max(map(len, self.subcommands))
        return "".join(f"  {name:<{width}}  {made.summary}\n" for name, made in self.subcommands.items())


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Return the known word that a mistyped one probably means: the nearest, or the only one that it begins."""
    words = list(known)
    begun = [each for each in words if word and each.startswith(word)]
    return begun[0] if len(begun) == 1 else next(iter(difflib.get_close_matches(word, words, 1)), None)


def make_parser() -> Parser:
    """Build the parser of the whole command line."""
    parser = Parser(prog="filedrop", description=DESCRIPTION, epilog=EPILOG)
    parser.add_argument("--version", action="version", version=f"filedrop {VERSION}")
    _add_common(parser, for_subcommand=False)
    subcommands = parser.add_subparsers(title="commands", dest="command", metavar="COMMAND", parser_class=Parser)

    def add(name: str, summary: str, description: str = "") -> Parser:
        described = textwrap.fill(description or f"{summary[0].upper()}{summary[1:]}.", _WIDTH)
        made = parser.subcommands[name] = subcommands.add_parser(
            name, help=summary, summary=summary, description=described
        )
        _add_common(made, for_subcommand=True)
        return made

    one = add("run", "run a job now")
    one.add_argument("job", metavar="JOB", help="the job's name, which is the name of its file")
    how = one.add_mutually_exclusive_group()
    how.add_argument("--dry-run", action="store_true", help="connect and show what would be done; change nothing")
    how.add_argument(
        "--wait", action="store_true", help="wait until new files are settled; run again for files that come meanwhile"
    )
    text = "run the job even if it is disabled, or would move more than stop_above allows"
    one.add_argument("--force", action="store_true", help=text)
    _add_metrics(one)
    _add_only(one)
    _add_export(add("export", "send files that you choose by hand", _EXPORT))
    _add_place(add("place", "put a file into the folder from which a partner fetches", _PLACE))
    some = add(
        "check",
        "show what runs would do; change nothing",
        _CHECK,
    )
    some.add_argument("jobs", metavar="JOB", nargs="*", help="names of jobs; default: all")
    _add_only(some)
    all_ = add("status", "show the state of the jobs, and what needs a person", _STATUS)
    all_.add_argument("jobs", metavar="JOB", nargs="*", help="names of jobs; default: all")
    all_.add_argument(
        "--notify", action="store_true", help="tell the receivers of the jobs (notify) what has changed since last time"
    )
    _add_metrics(all_)
    past = add(
        "history",
        "show what happened to files",
        _HISTORY,
    )
    past.add_argument("job", metavar="JOB", nargs="?", help="show the files of this job only")
    past.add_argument("-n", "--limit", metavar="N", type=_positive, default=50, help="at most N files (%(default)s)")
    past.add_argument("--since", metavar="WHEN", help="only changes since then, such as 7d or 2026-04-10T06:00:00Z")
    past.add_argument(
        "--outcome",
        choices=OUTCOMES,
        metavar="OUTCOME",
        action="append",
        default=[],
        help=_OUTCOMES,
    )
    there = add("list", "list the job's folder on the server")
    there.add_argument("job", metavar="JOB", help="the job's name")
    decision = add("resolve", "decide what happens to held files", _RESOLVING)
    decision.add_argument("job", metavar="JOB", help="the job that holds the files")
    decision.add_argument("files", metavar="FILE", nargs="+", help="the file's name, or the path of its original")
    which = decision.add_mutually_exclusive_group(required=True)
    for choice, meaning in _DECISIONS.items():
        which.add_argument(f"--{choice}", dest="decision", action="store_const", const=choice, help=meaning)
    decision.add_argument("--dry-run", action="store_true", help="show what would be decided; change nothing")
    _add_keygen(add("keygen", "make the key pair of an account, and show its public key", _KEYGEN))
    add(
        "init",
        "create the ledger on a new host",
        "Create the ledger on a new host. No other command creates one. If the ledger was lost, restore it from a "
        "backup: with a new ledger, a job that keeps its originals would send all of them again.",
    )
    return parser


def _add_export(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("job", metavar="JOB", help="the job's name; it must be a drop-off")
    when = "a date such as 2026-11-01, or a time with its zone such as 2026-11-01T18:00+01:00"
    parser.add_argument("--from", metavar="DATE", help=f"only files that were modified then or later: {when}")
    parser.add_argument("--to", metavar="DATE", help="only files that were modified before then")
    text = "only files of this kind of the account's preset, such as invoices; repeatable"
    parser.add_argument("--kind", dest="kinds", metavar="KIND", action="append", default=[], help=text)
    _add_only(parser, "send only the file with this exact name; repeatable")
    parser.add_argument("--again", action="store_true", help="send files again that were sent before")
    parser.add_argument("--dry-run", action="store_true", help="connect and show what would be done; change nothing")


def _add_place(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", help="the path of the file; it stays")
    parser.add_argument("--account", metavar="NAME", required=True, help="the partner's account on the server here")
    parser.add_argument("--as", dest="name", metavar="NAME", help="the name that the file gets; default: its own")
    parser.add_argument("--folder", metavar="NAME", help="the folder inside the account; default: pickup")
    parser.add_argument(
        "--again", action="store_true", help="place it even if it was placed before with the same content"
    )
    parser.add_argument("--dry-run", action="store_true", help="show what would be done; change nothing")


def _add_keygen(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("account", metavar="ACCOUNT", help="the account's name, which is the name of its file")
    parser.add_argument("--type", choices=TYPES, default="ed25519", help="the type of the key (%(default)s)")
    parser.add_argument("--bits", metavar="N", type=int, help="the size of an RSA or ECDSA key; default: 3072 or 256")
    parser.add_argument(
        "--comment", metavar="TEXT", help="the comment of the key; default: filedrop@HOST, or the one that it has"
    )
    parser.add_argument(
        "--regenerate",
        choices=REGENERATE,
        metavar="WHEN",
        default="fail",
        help=f"when to replace an existing pair: {', '.join(REGENERATE)} (%(default)s)",
    )
    text = "remove a replaced pair; default: it is kept beside the new one"
    parser.add_argument("--no-backup", dest="backup", action="store_false", help=text)
    parser.add_argument("--dry-run", action="store_true", help="show what would be done; change nothing")


def _add_only(
    parser: argparse.ArgumentParser, text: str = "move only the file with this exact name; repeatable"
) -> None:
    parser.add_argument("--only", metavar="NAME", action="append", default=[], help=text)


def _add_metrics(parser: argparse.ArgumentParser) -> None:
    text = "write the metrics of all jobs to this file, for node exporter's textfile collector"
    parser.add_argument("--metrics", metavar="FILE", help=text)


def _add_common(parser: argparse.ArgumentParser, *, for_subcommand: bool) -> None:
    """Add the options that are accepted before or after the subcommand."""

    def add(*flags: str, default: object, **more: Any) -> None:
        parser.add_argument(*flags, default=argparse.SUPPRESS if for_subcommand else default, **more)

    add("--config", metavar="DIR", default=DEFAULT_FOLDER, help=f"folder of accounts and jobs ({DEFAULT_FOLDER})")
    add("--ledger", metavar="FILE", default=SYSTEM_LEDGER, help=f"the ledger ({SYSTEM_LEDGER})")
    add("--json", action="store_true", default=False, help="print one JSON document")
    add("-q", "--quiet", action="store_true", default=False, help="print nothing while all is well")
    add("-v", "--verbose", action="store_true", default=False, help="show every file")
    add("--no-color", action="store_true", default=False, help="use no colors, as with NO_COLOR")
    add("--debug", action="store_true", default=False, help="print the traceback of an unexpected error")


_PLACE = (
    "Put a file into the folder of this host's server from which a partner fetches: whole or not at all, readable for "
    "the partner, and never over another file. status shows which placed files still lie there."
)
_EXPORT = """\
Send files of a drop-off that you choose by names, times or kinds; without a choice, all. Each file is told with what
became of it. A file that was sent before is not sent again, unless you say --again; you are told when it was sent. Jobs
with by_hand are for this command only."""

_KEYGEN = """\
Make the key pair that private_key_file of the account names, and show the public key to register with the provider. An
existing pair is kept and shown. If it differs, or cannot be used, --regenerate says when to replace it. The passphrase
is the account's. As root, a new key belongs to the owner of its folder."""

_CHECK = "Connect for some jobs, or for all that are enabled, and show what a run would do."

_HISTORY = "Show what happened to files: held, waiting and unfinished ones first, then the latest."

_OUTCOMES = f"only this one, may be repeated: {', '.join(OUTCOMES)}"

_STATUS = """\
Show the state of each job: its last run, and each problem with its way out. A job has a problem if it is overdue, if
files are held, if nothing starts it by its schedule, or if its files are broken. No server is contacted."""

_RESOLVING = """\
A file is held when only a person can find out what happened to it. For example, the connection broke just when the
provider may have taken the file. Ask the provider, then decide. The next run of the job acts on the decision."""

_DECISIONS = {
    "resend": "the file did not arrive: move it again",
    "delivered": "the file arrived: dispose of its original as after a transfer",
    "discard": "do not move the file: leave it alone until it changes",
}


def _positive(text: str) -> int:
    found = int(text) if text.isascii() and text.isdigit() else 0
    if not 0 < found <= MOST:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 to {MOST}")
    return found
