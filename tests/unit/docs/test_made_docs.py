# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What `make docs` makes is up to date."""

from __future__ import annotations

import make_docs
import make_reasons
import make_shell_docs
import pytest


def test_the_tables_are_made_from_the_code_as_it_is() -> None:
    text = make_docs.PAGE.read_text()
    assert text == make_docs.page(text), "stale: run `make docs`"


def test_the_list_of_reasons_is_that_of_the_source() -> None:
    text = make_reasons.PAGE.read_text()
    assert text == make_reasons.page(text), "stale: run `make docs`"


@pytest.mark.parametrize(
    "code", ["port_closed", "host_key_changed", "name_taken", "vanished", "ledger_missing", "overdue"]
)
def test_a_reason_has_its_cause_and_its_remedy(code: str) -> None:
    ((_finding, way_out), *_more) = make_reasons.reasons()[code].texts
    assert way_out


@pytest.mark.parametrize("name", make_docs.PICTURES)
def test_the_pictures_are_made_from_the_code_as_it_is(name: str) -> None:
    assert make_docs.digest(name) in make_docs.picture(name).read_text(), "stale: run `make docs`"


@pytest.mark.parametrize("name", make_shell_docs.FILES)
def test_the_manual_and_the_completions_are_made_from_the_parser_as_it_is(name: str) -> None:
    assert (make_docs.CHECKOUT / "docs" / name).read_text() == make_shell_docs.made(name), "stale: run `make docs`"
