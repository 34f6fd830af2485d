# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Parse the command line of `filedrop`, the engine as a program. The subcommands are in the other files of command/."""

from __future__ import annotations

import argparse
import os
import sys
import traceback
from collections.abc import Sequence
from typing import Any

from ..config.files import DEFAULT_FOLDER, Configuration
from ..config.options import clean
from ..config.paths import SYSTEM_LEDGER
from ..errors import FiledropError, InputError, JobRunning, unexpected
from ..ledger.history import MOST
from ..loop.deadline import Interruption
from ..states import OUTCOMES
from ..version import VERSION
from . import signals
from .console import ERROR, INFO, Console
from .context import CommandContext, error_document
from .exit_status import WELL, status_of_error
from .on_arrival import run_and_wait
from .reports.history import history, list_files
from .reports.status import status
from .resolve import init, resolve
from .run import check, run

_DESCRIPTION = """\
Moves files between this host and providers: complete, verified, once, and never lost.

A job says what to move. An account says how to reach the other side. Each is one JSON file. The ledger records what
was moved. The next run uses it to complete whatever was interrupted."""

_EPILOG = f"""\
examples:
  filedrop check                      can all jobs work, and what would they do?
  filedrop run invoices               run the job invoices now
  filedrop run invoices --dry-run     show what that would do, and change nothing
  filedrop status                     is all well?
  filedrop history invoices -n 5      show the last 5 files of the job
  filedrop list reports               show what waits at the provider
  filedrop resolve invoices i-7.xml --resend
                                      the file did not arrive: send it again
  filedrop status --json | jq .jobs   output for programs

exit status:
  0  all is well; this includes a run with nothing to do
  1  some files failed, or the run ended early; the next run tries again
  2  the job could not run: an error in the configuration, the connection or the disk
  3  a person is needed: files are held for a decision (filedrop resolve), or the ledger is missing (filedrop init)
  4  another run of the job is active

files:
  {DEFAULT_FOLDER}/accounts/NAME.json   how to reach a mailbox
  {DEFAULT_FOLDER}/jobs/NAME.json       what to move
  {DEFAULT_FOLDER}/keys/NAME            private keys and passwords; each readable by its owner only
  {SYSTEM_LEDGER}    the ledger; keep it"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    given = _parser().parse_args(arguments)
    console = Console(as_json=given.json, quiet=given.quiet)
    mask = signals.hold()
    try:
        signals.listen()
        return _ended(given, console)
    finally:
        signals.end(mask)


def _ended(given: argparse.Namespace, console: Console) -> int:
    """Execute the subcommand; print the error that ended it. Signals are held again when this returns."""
    try:
        try:
            signals.release()
            return _dispatch(given, console)
        finally:
            signals.hold()
    except FiledropError as error:
        return _refuse(console, error)
    except Interruption as interruption:
        return _refuse(console, interruption.error)
    except BrokenPipeError:
        # The reader has closed the pipe. Without this, Python would report an error when it flushes stdout at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return WELL
    except Exception as error:
        if given.debug:
            console.raw(traceback.format_exc())
        return _refuse(console, unexpected(error, "" if given.debug else ", together with the output of --debug"))


def _dispatch(given: argparse.Namespace, console: Console) -> int:
    configuration, ledger = clean(given.config, name="--config"), clean(given.ledger, name="--ledger")
    context = CommandContext(Configuration(configuration), ledger, console, everything=given.verbose)
    if given.command == "run" and given.wait:
        if given.only:
            raise InputError(
                "option_invalid", "--only: --wait runs for all new files.", "Use only one of the two flags."
            )
        return run_and_wait(context, given.job, force=given.force)
    if given.command == "run":
        return run(context, given.job, dry_run=given.dry_run, force=given.force, only=given.only)
    if given.command == "check":
        return check(context, given.jobs, given.only)
    if given.command == "status":
        return status(context, given.jobs)
    if given.command == "history":
        return history(context, given.job, limit=given.limit, since=given.since, outcomes=given.outcome)
    if given.command == "list":
        return list_files(context, given.job)
    if given.command == "resolve":
        return resolve(context, given.job, given.files, given.decision, dry_run=given.dry_run)
    return init(context)


def _refuse(console: Console, error: FiledropError) -> int:
    if console.as_json:
        console.answer(error_document(error), [])
    # With --quiet, cron mails every line on stderr. A run that is still active is no reason for a mail.
    busy = isinstance(error, JobRunning)
    console.log(INFO if busy else ERROR, "refused", str(error), reason=error.reason)
    return status_of_error(error)


# --- the command line


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="filedrop",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"filedrop {VERSION}")
    _add_common(parser, for_subcommand=False)
    subcommands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)

    def add(name: str, summary: str, description: str = "") -> argparse.ArgumentParser:
        made = subcommands.add_parser(
            name, help=summary, description=description or f"{summary[0].upper()}{summary[1:]}.", allow_abbrev=False
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
    one.add_argument("--force", action="store_true", help="run the job even if it is disabled")
    _add_only(one)
    some = add("check", "connect for some jobs, or for all enabled ones, and show what a run would do")
    some.add_argument("jobs", metavar="JOB", nargs="*", help="names of jobs; default: all")
    _add_only(some)
    all_ = add("status", "show the state of the jobs: their last runs, and what waits for a person")
    all_.add_argument("jobs", metavar="JOB", nargs="*", help="names of jobs; default: all")
    past = add("history", "show what log to files: held and unfinished ones first, then the latest")
    past.add_argument("job", metavar="JOB", nargs="?", help="show the files of this job only")
    past.add_argument("-n", "--limit", metavar="N", type=_positive, default=50, help="at most N files (%(default)s)")
    past.add_argument("--since", metavar="WHEN", help="only changes since then, such as 7d or 2026-04-10T06:00:00Z")
    past.add_argument("--outcome", choices=OUTCOMES, action="append", default=[], help="only this outcome; repeatable")
    there = add("list", "list the job's folder on the server")
    there.add_argument("job", metavar="JOB", help="the job's name")
    decision = add("resolve", "decide what happens to files that are held", _RESOLVING)
    decision.add_argument("job", metavar="JOB", help="the job that holds the files")
    decision.add_argument("files", metavar="FILE", nargs="+", help="the file's name, or the path of its original")
    which = decision.add_mutually_exclusive_group(required=True)
    for choice, meaning in _DECISIONS.items():
        which.add_argument(f"--{choice}", dest="decision", action="store_const", const=choice, help=meaning)
    decision.add_argument("--dry-run", action="store_true", help="show what would be decided; change nothing")
    add(
        "init",
        "create the ledger on a new host",
        "Create the ledger on a new host. No other command creates one. If the ledger was lost, restore it from a "
        "backup: with a new ledger, a job that keeps its originals would send all of them again.",
    )
    return parser


def _add_only(parser: argparse.ArgumentParser) -> None:
    text = "move only the file with this exact name; repeatable"
    parser.add_argument("--only", metavar="NAME", action="append", default=[], help=text)


def _add_common(parser: argparse.ArgumentParser, *, for_subcommand: bool) -> None:
    """Add the options that are accepted before or after the subcommand."""

    def add(*flags: str, default: object, **more: Any) -> None:
        parser.add_argument(*flags, default=argparse.SUPPRESS if for_subcommand else default, **more)

    add("--config", metavar="DIR", default=DEFAULT_FOLDER, help=f"folder of accounts and jobs ({DEFAULT_FOLDER})")
    add("--ledger", metavar="FILE", default=SYSTEM_LEDGER, help=f"the ledger ({SYSTEM_LEDGER})")
    add("--json", action="store_true", default=False, help="print one JSON document")
    add("-q", "--quiet", action="store_true", default=False, help="print nothing while all is well")
    add("-v", "--verbose", action="store_true", default=False, help="show every file")
    add("--debug", action="store_true", default=False, help="print the traceback of an unexpected error")


_RESOLVING = """\
A file is held when only a person can find out what log to it. For example, the connection broke just when the
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
