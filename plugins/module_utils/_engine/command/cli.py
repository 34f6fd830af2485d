# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Be the program `filedrop`: execute a subcommand, and print the error that ended it."""

from __future__ import annotations

import argparse
import os
import sys
import traceback
from collections.abc import Sequence

from ..config.files import Configuration
from ..config.options import clean
from ..errors import FiledropError, InputError, JobRunning, unexpected
from ..loop.deadline import Interruption
from . import signals
from .console import ERROR, INFO, Console
from .context import CommandContext, error_document
from .exit_status import WELL, status_of_error
from .keygen import FLAGS as KEY_FLAGS
from .keygen import keygen
from .parser import make_parser
from .reports.history import history, list_files
from .reports.status import status
from .resolve import init, resolve
from .transfers.export import FLAGS, export
from .transfers.on_arrival import run_and_wait
from .transfers.place import FLAGS as PLACE_FLAGS
from .transfers.place import place
from .transfers.run import check, run


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    given = make_parser().parse(sys.argv[1:] if arguments is None else arguments)
    console = Console(as_json=given.json, quiet=given.quiet, colour=not given.no_color)
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
    configuration, ledger = (
        os.path.abspath(os.path.expanduser(clean(value, name=flag)))
        for flag, value in (("--config", given.config), ("--ledger", given.ledger))
    )
    context = CommandContext(Configuration(configuration), ledger, console, everything=given.verbose)
    if given.command == "run":
        return _run(context, given)
    if given.command == "export":
        return export(context, given.job, {name: getattr(given, name) for name in FLAGS}, dry_run=given.dry_run)
    if given.command == "place":
        return place(
            context, given.file, given.account, {name: getattr(given, name) for name in PLACE_FLAGS}, given.dry_run
        )
    if given.command == "check":
        return check(context, given.jobs, given.only)
    if given.command == "status":
        return status(context, given.jobs, notify=given.notify, metrics_file=given.metrics)
    if given.command == "history":
        return history(context, given.job, limit=given.limit, since=given.since, outcomes=given.outcome)
    if given.command == "list":
        return list_files(context, given.job)
    if given.command == "resolve":
        return resolve(context, given.job, given.files, given.decision, dry_run=given.dry_run)
    if given.command == "keygen":
        flags = {name: getattr(given, name) for name in KEY_FLAGS}
        return keygen(context, given.account, flags, dry_run=given.dry_run)
    return init(context)


def _run(context: CommandContext, given: argparse.Namespace) -> int:
    if not given.wait:
        how = {name: getattr(given, name) for name in ("dry_run", "force", "only")}
        return run(context, given.job, **how, metrics_file=given.metrics)
    if given.only:
        raise InputError("option_invalid", "--only: --wait runs for all new files.", "Use only one of the two flags.")
    return run_and_wait(context, given.job, force=given.force, metrics_file=given.metrics)


def _refuse(console: Console, error: FiledropError) -> int:
    if console.as_json:
        console.answer(error_document(error), [])
    # With --quiet, cron mails every line on stderr. A run that is still active is no reason for a mail.
    busy = isinstance(error, JobRunning)
    console.log(INFO if busy else ERROR, "refused", str(error), reason=error.reason)
    return status_of_error(error)
