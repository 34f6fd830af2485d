# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Describe a key pair as it is, and predict it as it will be after a plan. Nothing private is shown."""

from __future__ import annotations

import contextlib
import grp
import os
import pwd
import stat
from collections.abc import Callable

from ..text import escaped
from .found import Found
from .plan import Plan, kind_of, new_owner, public_line
from .spec import DEFAULT_BITS, KeyPairSpec

NOT_YET = "(known after it is generated)"


def describe(found: Found) -> dict[str, str]:
    """Describe the existing pair for a diff; empty if there is none. Contains nothing private."""
    shown: dict[str, str] = {}
    private = found.private
    if private is not None:
        key = private.public
        shown.update(
            type=kind_of(key) if key else "(unknown)",
            bits=str(key.bits) if key else "(unknown)",
            fingerprint=key.fingerprint if key else "(unknown)",
            encrypted="yes" if private.encrypted else "no",
            private_comment="(unknown)" if private.comment is None else escaped(private.comment),
            mode=f"{private.mode:04o}",
            owner=_name_of(private.uid, lambda uid: pwd.getpwuid(uid).pw_name),
            group=_name_of(private.gid, lambda gid: grp.getgrgid(gid).gr_name),
        )
    if found.public is not None:
        shown.update(comment=escaped(found.public.comment), public_key=escaped(found.public.text))
    return shown


def predict(wanted: KeyPairSpec, found: Found, plan: Plan) -> dict[str, str]:
    """Predict the result of `describe` after the plan is carried out, as far as it can be known."""
    if plan.action == "remove" or not plan.changed:
        return {} if plan.action == "remove" else describe(found)
    shown = dict.fromkeys(("type", "bits", "fingerprint", "encrypted", "private_comment", "mode", "owner", "group"), "")
    shown.update(describe(found))
    if plan.action == "keep" and found.private is not None and found.private.public is not None:
        line = public_line(found.private.public, plan.comment)
    else:
        bits = wanted.bits or DEFAULT_BITS[wanted.type]
        type_name = {"ed25519": "ssh-ed25519", "rsa": "ssh-rsa"}.get(wanted.type, f"ecdsa-sha2-nistp{bits}")
        line = f"{type_name} {NOT_YET} {plan.comment}".rstrip()
        shown.update(
            type=wanted.type,
            bits=str(bits),
            fingerprint=NOT_YET,
            encrypted="no" if wanted.passphrase is None else "yes",
            private_comment=escaped(plan.comment),
            mode=f"{wanted.mode or 0o600:04o}",
        )
    uid, gid = _predicted_owner(wanted, found, plan)
    shown.update(
        comment=escaped(plan.comment),
        public_key=escaped(line),
        owner=_name_of(uid, lambda uid: pwd.getpwuid(uid).pw_name),
        group=_name_of(gid, lambda gid: grp.getgrgid(gid).gr_name),
    )
    if plan.mode is not None:
        shown["mode"] = f"{plan.mode:04o}"
    if plan.write_private:
        shown["private_comment"] = escaped(plan.comment)
    return shown


def _predicted_owner(wanted: KeyPairSpec, found: Found, plan: Plan) -> tuple[int, int]:
    uid, gid = new_owner(wanted, found)
    if plan.action == "keep" and found.private is not None:
        uid = found.private.uid if wanted.uid is None else wanted.uid
        gid = found.private.gid if wanted.gid is None else wanted.gid
    if gid == -1:
        gid = os.getegid()
        with contextlib.suppress(OSError):
            folder = os.stat(wanted.folder)
            gid = folder.st_gid if folder.st_mode & stat.S_ISGID else gid
    return (os.geteuid() if uid == -1 else uid), gid


def _name_of(number: int, look_up: Callable[[int], str]) -> str:
    try:
        return look_up(number)
    except KeyError:
        return str(number)
