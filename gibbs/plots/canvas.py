"""The sheet that pictures are drawn on: sizes, colours and type, and files written whole or not at all. Imports matplotlib.

Colours are those of Okabe and Ito (2008), told apart in the common forms of colour blindness; nothing rests on colour alone: lines
differ in dashes as well, markers in whether they are filled, and all of it survives a black-and-white printer.
"""

from __future__ import annotations

import io
import os
import textwrap
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from gibbs import paths
from gibbs.errors import OutputError, PlotError, nearest

BLACK, ORANGE, SKY, GREEN, YELLOW, BLUE, VERMILLION, PURPLE = (
    "#000000", "#E69F00", "#56B4E9", "#009E73", "#F0E442", "#0072B2", "#D55E00", "#CC79A7",
)  # fmt: skip
GREY, LIGHT = "#6B6B6B", "#D9D9D9"
CHAINS = ((BLUE, "-"), (ORANGE, "--"), (GREEN, "-."), (PURPLE, ":"), (SKY, "-"), (VERMILLION, "--"), (BLACK, "-."), (GREY, ":"))
"""Colour and dashes of each chain."""
FORMATS = ("png", "pdf", "svg")
DPI = 200
TITLE = 10.5
"""Points of a picture's title."""

_STYLE: dict[str, Any] = {
    "font.family": ["DejaVu Sans"],
    "font.size": 9.0,
    "axes.titlesize": 9.0,
    "axes.titleweight": "normal",
    "axes.labelsize": 9.0,
    "axes.labelcolor": BLACK,
    "axes.edgecolor": GREY,
    "axes.facecolor": "white",
    "axes.linewidth": 0.7,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": False,
    "axes.unicode_minus": True,
    "axes.xmargin": 0.03,
    "axes.ymargin": 0.03,
    "xtick.labelsize": 8.0,
    "ytick.labelsize": 8.0,
    "xtick.color": GREY,
    "ytick.color": GREY,
    "xtick.labelcolor": BLACK,
    "ytick.labelcolor": BLACK,
    "legend.fontsize": 8.0,
    "legend.frameon": False,
    "lines.linewidth": 1.3,
    "text.color": BLACK,
    "text.usetex": False,
    "text.parse_math": False,  # a level called "$5 to $10" is no formula
    "mathtext.default": "regular",
    "figure.facecolor": "white",
    "figure.constrained_layout.h_pad": 0.06,
    "figure.constrained_layout.w_pad": 0.06,
    "savefig.facecolor": "white",
    "savefig.bbox": None,
    "pdf.fonttype": 42,  # text that stays text
    "svg.fonttype": "none",
    "svg.hashsalt": "gibbs",  # the same picture gives the same file
}


def style() -> AbstractContextManager[None]:
    """Our settings within, the user's own again after."""
    return matplotlib.rc_context(_STYLE)


class Picture(Figure):
    """A matplotlib Figure that keeps its style when it is written, and shows itself in a notebook without pyplot."""

    def savefig(self, fname: Any, **options: Any) -> None:
        """As ``Figure.savefig``, at 200 dots an inch unless ``dpi`` says otherwise."""
        with style():
            super().savefig(fname, **{"dpi": DPI, **options})

    def _repr_png_(self) -> bytes:
        made = io.BytesIO()
        self.savefig(made, format="png", dpi=110)
        return made.getvalue()


def sheet(rows: int = 1, columns: int = 1, *, width: float, height: float, **options: Any) -> tuple[Picture, np.ndarray]:
    """An empty picture of ``rows`` × ``columns`` panels, ``width`` × ``height`` inches, and its axes (rows, columns)."""
    figure = Picture(figsize=(width, height), layout="constrained")
    return figure, figure.subplots(rows, columns, squeeze=False, **options)


def head(figure: Picture, title: str, note: str = "", legend: Mapping[str, Any] | None = None) -> None:
    """A title at the left, under it what lines and markings mean (label → artist), and a note in small type below everything."""
    width, height = figure.get_size_inches()
    title, note = shown(title, 160), note if len(note) <= 600 else shown(note, 600)
    lines = textwrap.wrap(title, max(20, int(width * 13)))
    figure.suptitle("\n".join([*lines, " "] if legend else lines), x=0.01, ha="left", fontsize=TITLE, fontweight="bold")
    if legend:
        top = 1 - (0.09 + len(lines) * TITLE * 1.2 / 72) / height  # the empty line of the title keeps its place
        figure.legend(
            list(legend.values()), list(legend), loc="upper left", bbox_to_anchor=(0.01, top), ncols=len(legend),
            borderaxespad=0.0,
            borderpad=0.0, handlelength=2.4, columnspacing=1.6,
        )  # fmt: skip
    if note:
        words = textwrap.fill(note, max(30, int(width * 17.5)))
        figure.supxlabel(words, x=0.01, ha="left", fontsize=7.5, color=GREY)


def legend_of(*axes: Axes) -> dict[str, Any]:
    """label → artist of everything labelled in the panels, in the order it was drawn."""
    found: dict[str, Any] = {}
    for axis in axes:
        for handle, label in zip(*axis.get_legend_handles_labels(), strict=True):
            found.setdefault(label, handle)
    return found


def dots(axis: Axes, place: Sequence[float] | np.ndarray, inner: np.ndarray, outer: np.ndarray, middle: np.ndarray, **options: Any) -> None:
    """Points with a thick inner and a thin outer interval, horizontal; filled where the outer interval leaves out zero.

    inner, outer : (2, J). middle, place : (J,).
    """
    size, colour, lines = options.pop("size", 4.5), options.pop("colour", BLUE), options.pop("lines", (0.9, 2.4))
    zero = options.pop("zero", True)
    axis.hlines(place, outer[0], outer[1], color=colour, linewidth=lines[0])
    axis.hlines(place, inner[0], inner[1], color=colour, linewidth=lines[1])
    away = (outer[0] > 0) | (outer[1] < 0) if zero else np.ones(len(middle), dtype=bool)
    place = np.asarray(place, dtype=float)
    for which, face in ((away, colour), (~away, "white")):
        if which.any():
            axis.plot(middle[which], place[which], "o", markersize=size, color=colour, markerfacecolor=face, markeredgewidth=0.9)


def zero_line(axis: Axes, vertical: bool = True) -> None:
    """Where an effect is nothing."""
    (axis.axvline if vertical else axis.axhline)(0.0, color=GREY, linewidth=0.8, linestyle=(0, (4, 3)), zorder=0)


def shown(label: str, longest: int = 26) -> str:
    """A label short enough for a tick; the middle gives way."""
    label = " ".join(str(label).split())
    return label if len(label) <= longest else f"{label[: longest // 2]}…{label[-(longest - longest // 2 - 1) :]}"


def leave_empty(axes: Sequence[Axes] | np.ndarray) -> None:
    """Panels of a grid that nothing is drawn in."""
    for axis in axes:
        axis.set_axis_off()


# ---------------------------------------------------------------------------------------------------------------- files


def check_path(path: str | Path, *, force: bool = False) -> Path:
    """The file a picture may be written to. PlotError for an ending that is none of ours; OutputError where it is taken or cannot be."""
    paths.require(path, OutputError)
    target = Path(path).expanduser()
    ending = target.suffix.lower().removeprefix(".")
    if ending not in FORMATS:
        found = f"ends in '.{ending}'" if ending else "has no ending"
        raise PlotError(f"'{target.name}' {found}; pictures are written as {', '.join(FORMATS)}.{nearest(ending, FORMATS)}")
    if target.is_dir():
        raise OutputError("there is a folder of this name. Choose another file.", where=str(path))
    if target.exists() and not force:
        raise OutputError("the file is there already. Choose another, or replace it with --force (force=True).", where=str(path))
    if not target.parent.is_dir():
        raise OutputError(f"there is no folder '{target.parent}'.", where=str(path))
    return target


def save(figure: Picture, target: Path) -> Path:
    """Write ``figure`` beside ``target`` and rename: a file of that name is always whole."""
    ending = target.suffix.lower().removeprefix(".")
    partial = target.with_name(f".{target.name[:50]}.partial-{os.getpid()}")
    dated = {"pdf": {"CreationDate": None}, "svg": {"Date": None}}.get(ending)
    try:
        figure.savefig(partial, format=ending, **({"metadata": dated} if dated else {}))
        os.replace(partial, target)
    except BaseException as error:
        partial.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise OutputError(f"the picture cannot be written: {error.strerror or error}.", where=str(target)) from error
        raise
    return target
