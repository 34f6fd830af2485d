# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The picture: how many times as fast as ``sftp -b`` everybody was."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
from cases import OURS, REFERENCE
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter
from results import Results

LOOKS = {
    OURS: ("D", "#c1121f"),
    "filedrop:2": ("D", "#f4845f"),
    "filedrop:4": ("D", "#f7b267"),
    REFERENCE: ("|", "#333333"),
    "lftp": ("o", "#1d70b8"),
    "rclone": ("s", "#2a9d5c"),
    "paramiko": ("^", "#8a5fbf"),
    "asyncssh": ("v", "#7a6a53"),
}
"""Marker and colour of each contestant: told apart by either."""


def draw(results: Results, path: Path) -> None:
    """Write the plot as SVG."""
    cases = [case for case in results.cases if results.score(case.name, REFERENCE) is not None]
    figure = Figure(figsize=(10, 1.6 + 0.36 * len(cases)), layout="constrained")
    axes = figure.add_subplot()
    axes.set_xscale("log")
    axes.axvline(1.0, color=LOOKS[REFERENCE][1], linewidth=1.2)
    for row, case in enumerate(cases):
        axes.axhline(row, color="#dddddd", linewidth=0.8, zorder=0)
        reference = results.score(case.name, REFERENCE)
        for score in results.scores[case.name]:
            if score.contestant in LOOKS and reference is not None:
                marker, colour = LOOKS[score.contestant]
                large = 9 if score.contestant == OURS else 7
                axes.plot(
                    reference.median / score.median,
                    row,
                    marker=marker,
                    color=colour,
                    markersize=large,
                    linestyle="none",
                    label=score.title,
                    alpha=0.9,
                )
    axes.set_yticks(range(len(cases)), [str(case) for case in cases])
    axes.set_ylim(len(cases) - 0.4, -0.6)  # the first case on top
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _position: f"{value:g} x"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.grid(axis="x", which="major", color="#dddddd", linewidth=0.8)
    axes.set_xlabel("speed of the transfer, in multiples of sftp -b (logarithmic; further right is faster)")
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.tick_params(axis="y", length=0)
    _explain(figure, axes, results)
    with mpl.rc_context({"svg.hashsalt": "filedrop"}):  # the same figures make the same file
        figure.savefig(path, metadata={"Date": None})


def _explain(figure: Figure, axes: Axes, results: Results) -> None:
    """The legend: everybody once, ours first."""
    handles, titles = axes.get_legend_handles_labels()
    by_title = dict(zip(titles, handles))
    order = list(LOOKS)
    everybody = {score.title: score.contestant for scores in results.scores.values() for score in scores}
    shown = sorted(by_title, key=lambda title: order.index(everybody[title]))
    figure.legend([by_title[title] for title in shown], shown, loc="outside upper center", ncols=4, frameon=False)
