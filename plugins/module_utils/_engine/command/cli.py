# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The command `filedrop`: the engine with a command line. What it does is in commands/."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import traceback
from collections.abc import Sequence
from types import FrameType
from typing import Any, NoReturn

from ..config.files import DEFAULT_FOLDER, Configuration
from ..config.paths import SYSTEM_LEDGER
from ..errors import FiledropError, JobRunning, RunEnded
from ..ledger.history import MOST
from ..loop.deadline import Interruption
from ..states import OUTCOMES
from ..version import VERSION
from .console import ERROR, INFO, Console
from .context import CommandContext, refusal
from .exit_status import WELL, status_of_error
from .on_arrival import run_and_wait
from .report import history, list_files, status
from .resolve import init, resolve
from .run import check, run

_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)

_DESCRIPTION = """\
Moves files between this host and providers: complete, verified, once, and never lost.

What there is to move is said by jobs, and with whom by accounts, one JSON file each. What has been moved is in the
ledger, by which the next run completes whatever was cut off."""

_EPILOG = f"""\
examples:
  filedrop check                      can all jobs work, and what would they do?
  filedrop run invoices               run the job invoices now
  filedrop run invoices --dry-run     tell what that would do, and do nothing
  filedrop status                     is all well?
  filedrop history invoices -n 5      the last 5 files of the job
  filedrop list reports               what waits at the provider?
  filedrop resolve invoices i-7.xml --resend
                                      it did not arrive: send it again
  filedrop status --json | jq .jobs   for programs

exit status:
  0  all is well; nothing to do is well, too
  1  some files failed, or the run was ended early: the next one tries again
  2  the job could not run: the configuration, the connection, the disk
  3  a person is needed: files are held for a decision (filedrop resolve), or there is no ledger (filedrop init)
  4  another run of the job is at work

files:
  {DEFAULT_FOLDER}/accounts/NAME.json   how to reach a mailbox
  {DEFAULT_FOLDER}/jobs/NAME.json       what to move
  {DEFAULT_FOLDER}/keys/NAME            private keys, passwords; each for its owner alone
  {SYSTEM_LEDGER}    the ledger; keep it"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Execute the command; return its exit status."""
    given = _parser().parse_args(arguments)
    voice = Console(as_json=given.json, quiet=given.quiet)
    for number in _SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:  # nohup, or a shell's background
            signal.signal(number, _interrupt)
    try:
        return _dispatch(given, voice)
    except FiledropError as error:
        return _refuse(voice, error)
    except Interruption as interruption:
        return _refuse(voice, interruption.error)
    except BrokenPipeError:
        # Whoever read the answer has heard enough; Python must not try to write the rest of it at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return WELL
    except Exception as error:
        if given.debug:
            voice.raw(traceback.format_exc())
        return _refuse(voice, _unexpected(error, debug=given.debug))


def _dispatch(given: argparse.Namespace, voice: Console) -> int:
    setting = CommandContext(Configuration(given.config), given.ledger, voice, everything=given.verbose)
    if given.command == "run" and given.wait:
        return run_and_wait(setting, given.job, force=given.force)
    if given.command == "run":
        return run(setting, given.job, dry_run=given.dry_run, force=given.force)
    if given.command == "check":
        return check(setting, given.jobs)
    if given.command == "status":
        return status(setting, given.jobs)
    if given.command == "history":
        return history(setting, given.job, limit=given.limit, since=given.since, outcomes=given.outcome)
    if given.command == "list":
        return list_files(setting, given.job)
    if given.command == "resolve":
        return resolve(setting, given.job, given.files, given.decision, dry_run=given.dry_run)
    return init(setting)


def _refuse(voice: Console, error: FiledropError) -> int:
    if voice.as_json:
        voice.answer(refusal(error), [])
    # Who mails whatever is said need not hear that the run before is still at work.
    busy = isinstance(error, JobRunning)
    voice.happened(INFO if busy else ERROR, "refused", str(error), reason=error.reason)
    return status_of_error(error)


def _unexpected(error: Exception, *, debug: bool) -> FiledropError:
    frames = traceback.extract_tb(error.__traceback__)
    where = f"{os.path.basename(frames[-1].filename)}, line {frames[-1].lineno}" if frames else "an unknown place"
    return FiledropError(
        "unexpected",
        f"An error that filedrop has no words for: {type(error).__name__}: {error} ({where}).",
        "Nothing is lost: the next run goes on from what the ledger says. Please report this"
        + ("." if debug else ", with what --debug adds to it."),
    )


def _interrupt(number: int, _frame: FrameType | None) -> NoReturn:
    """End the run where it is, once; whoever is impatient has SIGKILL, and the next run completes that, too."""
    for each in _SIGNALS:
        signal.signal(each, signal.SIG_IGN)
    name = signal.Signals(number).name
    raise Interruption(RunEnded("interrupted", f"The run was ended by {name}.", "The next run goes on where it was."))


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
    one.add_argument("job", metavar="JOB", help="its name, as in the name of its file")
    how = one.add_mutually_exclusive_group()
    how.add_argument("--dry-run", action="store_true", help="connect and tell what would be done, and do nothing")
    how.add_argument(
        "--wait", action="store_true", help="first wait until new files are settled; then for those that come meanwhile"
    )
    one.add_argument("--force", action="store_true", help="run the job even if it is disabled")
    some = add("check", "connect for some jobs, or all that are enabled, and tell what a run would do")
    some.add_argument("jobs", metavar="JOB", nargs="*", help="their names; all by default")
    all_ = add("status", "tell how the jobs fare: their last runs, and what waits for a person")
    all_.add_argument("jobs", metavar="JOB", nargs="*", help="their names; all by default")
    past = add("history", "tell what became of files: what is held or unfinished first, then the latest")
    past.add_argument("job", metavar="JOB", nargs="?", help="the files of this job only")
    past.add_argument("-n", "--limit", metavar="N", type=_positive, default=50, help="at most so many (%(default)s)")
    past.add_argument("--since", metavar="WHEN", help="only what changed since, such as 7d or 2026-04-10T06:00:00Z")
    past.add_argument("--outcome", choices=OUTCOMES, action="append", default=[], help="only this; may be given again")
    there = add("list", "list the job's folder on the server")
    there.add_argument("job", metavar="JOB", help="its name")
    decision = add("resolve", "decide what becomes of files that are held", _RESOLVING)
    decision.add_argument("job", metavar="JOB", help="the job that holds them")
    decision.add_argument("files", metavar="FILE", nargs="+", help="the file's name, or the path of its original")
    which = decision.add_mutually_exclusive_group(required=True)
    for choice, meaning in _DECISIONS.items():
        which.add_argument(f"--{choice}", dest="decision", action="store_const", const=choice, help=meaning)
    decision.add_argument("--dry-run", action="store_true", help="tell what would be decided, and decide nothing")
    add(
        "init",
        "make the ledger, on a new host",
        "Make the ledger, on a new host. Nothing else ever makes one: if it was lost, restore it from a backup, for a "
        "job that keeps its originals would send all of them again.",
    )
    return parser


def _add_common(parser: argparse.ArgumentParser, *, for_subcommand: bool) -> None:
    """The options that may stand before the subcommand, or after it."""

    def add(*flags: str, default: object, **more: Any) -> None:
        parser.add_argument(*flags, default=argparse.SUPPRESS if for_subcommand else default, **more)

    add("--config", metavar="DIR", default=DEFAULT_FOLDER, help=f"the folder of accounts and jobs ({DEFAULT_FOLDER})")
    add("--ledger", metavar="FILE", default=SYSTEM_LEDGER, help=f"the ledger ({SYSTEM_LEDGER})")
    add("--json", action="store_true", default=False, help="answer with one JSON document")
    add("-q", "--quiet", action="store_true", default=False, help="say nothing while all is well")
    add("-v", "--verbose", action="store_true", default=False, help="tell of every file")
    add("--debug", action="store_true", default=False, help="tell where an unexpected error happened")


_RESOLVING = """\
A file is held where only a person can find out what became of it, for example because the connection broke just as the
provider may have taken it. Ask the provider, decide, and the next run of the job goes by it."""

_DECISIONS = {
    "resend": "it did not arrive: move it again",
    "delivered": "it arrived: go on with its original as after a transfer",
    "discard": "it is not to be moved: leave it alone until it changes",
}


def _positive(text: str) -> int:
    found = int(text) if text.isascii() and text.isdigit() else 0
    if not 0 < found <= MOST:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 to {MOST}")
    return found
