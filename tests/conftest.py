# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Makes this checkout importable as ``ansible_collections.courier.filedrop``, wherever the clone lies."""

from __future__ import annotations

import contextlib
import sys
from importlib import metadata
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[1]
TREE = CHECKOUT / "build" / "tree"


def _link_checkout() -> None:
    """Put the link by which Python finds the collection. The Makefile puts the same one for mypy."""
    link = TREE / "ansible_collections" / "courier" / "filedrop"
    link.parent.mkdir(parents=True, exist_ok=True)
    # Another pytest may have been faster; a relative link stays true when the clone is moved.
    with contextlib.suppress(FileExistsError):
        link.symlink_to(Path("..", "..", "..", ".."))


_link_checkout()
sys.path.insert(0, str(TREE))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--full", action="store_true", help="every variant, which takes minutes more")
    parser.addoption(
        "--over-openssh", action="store_true", help="tests of the engine use the transport auto where they name none"
    )


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "full: only with --full")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not config.getoption("--full"):
        rare = [item for item in items if item.get_closest_marker("full")]
        items[:] = [item for item in items if item not in rare]
        config.hook.pytest_deselected(items=rare)


@pytest.fixture
def full(request: pytest.FixtureRequest) -> bool:
    """Whether there is time for everything."""
    return bool(request.config.getoption("--full"))


def pytest_report_header() -> str:
    """Say on which libraries the tests run, for make runs them on several."""
    return ", ".join(f"{name} {metadata.version(name)}" for name in ("paramiko", "cryptography"))


@pytest.fixture(scope="session")
def checkout() -> Path:
    """The folder of the clone."""
    return CHECKOUT


@pytest.fixture(scope="session")
def import_path() -> Path:
    """What a child process needs in PYTHONPATH to import ``ansible_collections.courier.filedrop`` from the checkout."""
    return TREE
