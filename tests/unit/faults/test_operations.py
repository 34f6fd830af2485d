# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The operations of the mutations, each on a few lines."""

from __future__ import annotations

import ast
import textwrap

import pytest
from faults.mutations.catalogue import NoSuchPlace, found
from faults.mutations.operations import (
    Change,
    Operation,
    always,
    drop_element,
    drop_filter,
    drop_if,
    drop_keyword,
    drop_operand,
    drop_statement,
    never,
    replace,
    replace_text,
    set_argument,
    unguard,
    value,
)
from faults.mutations.source import Source

BEFORE = textwrap.dedent(
    """\
    LIMIT = 2**20


    class Box:
        flags = (READ | WRITE, EXCLUSIVE)

        async def put(self, name, size):  # a comment that stays
            if size > LIMIT:
                raise ValueError("too large; § 1")
            if name in self.names and size:
                return [one for one in self.names if one if len(one) > size]
            await self.sync(
                name,
                follow=False,
            )
            self.names.update(name)
            return os.write(self.fd, name)
    """
)


@pytest.mark.parametrize(
    ("where", "operation", "old", "new"),
    [
        ("LIMIT", value("0"), "2**20", "0"),
        ("Box.flags", drop_operand("WRITE"), "READ | WRITE", "READ"),
        ("Box.flags", drop_element("EXCLUSIVE"), "(READ | WRITE, EXCLUSIVE)", "(READ | WRITE,)"),
        ("Box.put", drop_operand("_ in _"), "name in self.names and size", "size"),
        ("Box.put", drop_operand("size"), "name in self.names and size", "name in self.names"),
        ("Box.put", always("size > _"), "size > LIMIT", "True"),
        ("Box.put", never("_ in _ and _"), "name in self.names and size", "False"),
        ("Box.put", replace_text("large", "small"), '"too large; § 1"', '"too small; § 1"'),
        ("Box.put", drop_filter("one"), " if one if len", " if len"),
        ("Box.put", drop_keyword("self.sync(...)", "follow"), "            follow=False,\n", ""),
        ("Box.put", set_argument("self.sync(...)", "follow", "True"), "follow=False", "follow=True"),
        ("Box.put", set_argument("os.write(...)", 1, "b''"), "self.fd, name", "self.fd, b''"),
        ("Box.put", replace("_f.write(_a, _b)", "_f.write(_b, _a)"), "self.fd, name", "name, self.fd"),
        ("Box.put", drop_statement("self.names.update(_)"), "self.names.update(name)", "pass"),
        ("Box.put", drop_if("size > _"), 'if size > LIMIT:\n            raise ValueError("too large; § 1")', "pass"),
        ("Box.put", unguard("size > _"), "if size > LIMIT:\n            raise", "raise"),
    ],
)
def test_an_operation_changes_one_thing_and_leaves_the_rest(
    where: str, operation: Operation, old: str, new: str
) -> None:
    changed = found(Change(where, operation, "it"), [Source("box.py", BEFORE)]).source
    assert BEFORE.count(old) == 1
    assert ast.unparse(ast.parse(changed)) == ast.unparse(ast.parse(BEFORE.replace(old, new)))
    assert "# a comment that stays" in changed


def test_what_is_waited_for_can_be_dropped_as_well() -> None:
    changed = found(Change("Box.put", drop_statement("self.sync(...)"), "it"), [Source("box.py", BEFORE)]).source
    assert "self.sync" not in changed


@pytest.mark.parametrize(
    ("where", "operation", "error"),
    [
        ("Box.get", drop_if("size"), "Box.get, in no file, has 0 places for: it"),
        ("Box.put", drop_if("size"), "Box.put, in box.py, has 0 places for: it"),
        ("Box.put", replace("name", "other"), "Box.put, in box.py, has 4 places for: it"),
    ],
)
def test_an_entry_with_no_place_or_several_is_refused(where: str, operation: Operation, error: str) -> None:
    with pytest.raises(NoSuchPlace, match=error):
        found(Change(where, operation, "it"), [Source("box.py", BEFORE)])


def test_of_two_functions_of_one_name_that_is_meant_in_which_there_is_something_to_change() -> None:
    other = Source("other.py", "class Box:\n    def put(self):\n        pass\n")
    change = Change("Box.put", drop_if("size > _"), "it")
    assert found(change, [other, Source("box.py", BEFORE)]).file == "box.py"
