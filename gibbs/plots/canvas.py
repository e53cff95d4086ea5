"""The sheet that pictures are drawn on: sizes, colours and type, and files written whole or not at all. Imports matplotlib.

Colours are those of Okabe and Ito (2008), told apart in the common forms of colour blindness; nothing rests on colour alone: lines
differ in dashes as well, markers in whether they are filled, and all of it survives a black-and-white printer.
"""

from __future__ import annotations

import functools
import io
import math
import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import text_to_path

from gibbs import numerals, paths
from gibbs.errors import OutputError, PlotError, nearest
from gibbs.plots import asked

BLACK, ORANGE, SKY, GREEN, YELLOW, BLUE, VERMILLION, PURPLE = (
    "#000000", "#E69F00", "#56B4E9", "#009E73", "#F0E442", "#0072B2", "#D55E00", "#CC79A7",
)  # fmt: skip
GREY, LIGHT = "#6B6B6B", "#D9D9D9"
CHAINS = ((BLUE, "-"), (ORANGE, "--"), (GREEN, "-."), (PURPLE, ":"), (SKY, "-"), (VERMILLION, "--"), (BLACK, "-."), (GREY, ":"))
"""Colour and dashes of each chain."""
FORMATS = ("png", "pdf", "svg")
DPI = 200
TITLE, NOTE = 10.5, 7.5
"""Points of a picture's title, and of the note below it."""

_FURTHER = (
    "Noto Sans CJK SC", "Noto Sans CJK JP", "Source Han Sans SC", "WenQuanYi Micro Hei", "PingFang SC", "Hiragino Sans", "Hiragino Sans GB",
    "Microsoft YaHei", "Yu Gothic", "Malgun Gothic", "Apple SD Gothic Neo", "Arial Unicode MS", "Noto Sans Devanagari", "Nirmala UI",
    "Noto Sans Thai", "Noto Sans Bengali", "Noto Sans Tamil", "Noto Sans Ethiopic", "FreeSans", "Unifont",
)  # fmt: skip
"""Fonts that are looked at for letters that DejaVu Sans does not have."""
_STYLE: dict[str, Any] = {
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
    "axes.formatter.useoffset": False,
    "axes.formatter.limits": (-5, 9),  # 106500, not 1.065 and 1e5 in a corner
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


@contextmanager
def style() -> Iterator[None]:
    """Our settings within, the user's own again after; letters that no font at hand has are boxes, and no warning."""
    with matplotlib.rc_context({**_STYLE, "font.family": _families()}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r"Glyph \d+ .* missing from", category=UserWarning)
        yield


@functools.cache
def _families() -> list[str]:
    """DejaVu Sans, and behind it fonts of this machine that have letters it lacks (Chinese, Japanese, Korean, Devanagari, Thai, …)."""
    from matplotlib import font_manager

    there = {font.name for font in font_manager.fontManager.ttflist}
    return ["DejaVu Sans", *(name for name in _FURTHER if name in there)]


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
    """An empty picture of ``rows`` × ``columns`` panels, ``width`` × ``height`` inches, and its axes (rows, columns).

    Where Axes were given to draw on, these, and the figure they are in; where a size was asked for, that one.
    """
    wanted = asked.now()
    if wanted.axes:
        if len(wanted.axes) != rows * columns:
            grid = "one panel" if rows * columns == 1 else f"{rows * columns} panels ({rows} × {columns})"
            raise PlotError(f"the picture has {grid}, and {len(wanted.axes)} Axes were given; give as many, or leave ax out.")
        axes = np.empty(rows * columns, dtype=object)
        axes[:] = wanted.axes
        return wanted.axes[0].get_figure(), axes.reshape(rows, columns)
    figure = Picture(figsize=wanted.size or (width, height), layout="constrained")
    return figure, figure.subplots(rows, columns, squeeze=False, **options)


def head(figure: Picture, title: str, note: str = "", legend: Mapping[str, Any] | None = None) -> None:
    """A title at the left, under it what lines and markings mean (label → artist), and a note in small type below everything.

    On Axes that were given the title and the legend stand in the first of them, and the figure around is left as it is.
    """
    wanted = asked.now()
    title = shown(title, 240) if wanted.title is None else wanted.title
    if wanted.axes:
        if wanted.title or (wanted.title is None and len(wanted.axes) == 1 and not wanted.axes[0].get_title("left")):
            wanted.axes[0].set_title(wrapped(title, _inches(wanted.axes[0]), bold=True), loc="left", fontweight="bold")
        if legend:
            wanted.axes[0].legend(list(legend.values()), list(legend))
        return
    width, height = figure.get_size_inches()
    note = note if len(note) <= 600 else shown(note, 600)
    lines = wrapped(title, 0.97 * width, TITLE, bold=True).split("\n") if title else []
    beside = _columns(legend, width) if legend else 1
    room = [" "] * -(-len(legend) // beside) if legend else []  # empty lines of the title keep the legend's place
    note = wrapped(note, 0.97 * width, NOTE) if note else ""
    if wanted.size is None:  # more words than a title of a line or two and a note of two lines have take more paper, not that of the panels
        height += (max(0, len(lines) + len(room) - 2) * TITLE + max(0, note.count("\n") - 1) * NOTE + _beyond(figure) * 9.0) * 1.25 / 72
        figure.set_size_inches(width, height)
    if lines or legend:
        figure.suptitle("\n".join([*lines, *room]), x=0.01, ha="left", fontsize=TITLE, fontweight="bold")
    if legend:
        top = 1 - (0.09 + len(lines) * TITLE * 1.2 / 72) / height
        figure.legend(
            list(legend.values()), list(legend), loc="upper left", bbox_to_anchor=(0.01, top), ncols=beside,
            borderaxespad=0.0,
            borderpad=0.0, handlelength=2.4, columnspacing=1.6,
        )  # fmt: skip
    if note:
        figure.supxlabel(note, x=0.01, ha="left", fontsize=NOTE, color=GREY)


def _beyond(figure: Picture) -> int:
    """Lines of the titles and labels of panels beyond one each, from top to bottom."""
    panels = [axis for axis in figure.axes if axis.get_subplotspec() is not None]
    rows: dict[int, int] = {}
    for axis in panels:
        lines = axis.get_title("left").count("\n") + axis.get_xlabel().count("\n")
        row = axis.get_subplotspec().rowspan.start
        rows[row] = max(rows.get(row, 0), lines)
    return sum(rows.values())


def _columns(legend: Mapping[str, Any], width: float) -> int:
    """How many columns of a legend stand beside each other that none leaves the page; entries go down the columns."""
    font = FontProperties(family=_families(), size=8.0)
    each = [_points(label, font) + 8.0 * (2.4 + 0.8) for label in legend]
    for columns in range(len(each), 1, -1):
        down = -(-len(each) // columns)
        if sum(max(each[k : k + down]) for k in range(0, len(each), down)) + 8.0 * 1.6 * (columns - 1) <= 72.0 * 0.97 * width:
            return columns
    return 1


def panel_title(axis: Axes, title: str, below: str = "") -> None:
    """The title of one panel, and the label of its horizontal axis where there is one (``below``), in as many lines as they need.

    The middle of one of more than 90 letters gives way.
    """
    room = min(_inches(axis), _beside_labels(axis))
    axis.set_title(wrapped(shown(title, 90), room), loc="left")
    if below:
        axis.set_xlabel(wrapped(shown(below, 90), room))


def _beside_labels(axis: Axes) -> float:
    """The inches that the words of its vertical axis, where there are any, leave to a panel of a sheet."""
    words = [label.get_text() for label in axis.get_yticklabels()]
    figure, spec = axis.get_figure(), axis.get_subplotspec()
    if not any(words) or spec is None or figure is None or not hasattr(figure, "get_size_inches"):
        return math.inf
    font = FontProperties(family=_families(), size=8.0)
    widest = max(_points(word, font) for word in words if word) / 72.0
    return figure.get_size_inches()[0] / spec.get_gridspec().ncols - widest - 0.25


def wrapped(text: str, inches: float, size: float = 9.0, *, bold: bool = False) -> str:
    """``text`` in lines that are at most so wide, measured in the font it is set in; a word wider than a line is broken.

    Nothing is left out, but of a text of more than 1,000 letters.
    """
    font = FontProperties(family=_families(), size=size, weight="bold" if bold else "normal")
    most, lines = 72.0 * max(inches, 0.5), [""]
    for word in shown(text, 1000).replace(" %", "\u00a0%").split(" "):
        longer = f"{lines[-1]} {word}" if lines[-1] else word
        if _points(longer, font) <= most:
            lines[-1] = longer
            continue
        lines += [word] if lines[-1] else []
        if not lines[-1]:
            lines[-1] = word
        while len(lines[-1]) > 1 and _points(lines[-1], font) > most:
            fits = next(n for n in range(len(lines[-1]) - 1, 0, -1) if n == 1 or _points(lines[-1][:n], font) <= most)
            lines[-1:] = [lines[-1][:fits], lines[-1][fits:]]
    return "\n".join(lines).replace("\u00a0", " ")


def _points(text: str, font: FontProperties) -> float:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r"Glyph \d+ .* missing from", category=UserWarning)
        return text_to_path.get_text_width_height_descent(text, font, ismath=False)[0]


def _inches(axis: Axes) -> float:
    """About how wide an Axes is."""
    figure = axis.get_figure()
    whole = figure.get_size_inches()[0] if figure is not None and hasattr(figure, "get_size_inches") else 6.0
    return 0.97 * axis.get_position().width * whole


def side_label(figure: Picture, axes: np.ndarray, text: str) -> None:
    """One label for the vertical axes of all panels; on Axes that were given, one at each of the first column."""
    if asked.now().axes:
        for axis in axes[:, 0]:
            axis.set_ylabel(text)
    else:
        figure.supylabel(text, fontsize=9)


def legend_of(*axes: Axes) -> dict[str, Any]:
    """label → artist of everything labelled in the panels, in the order it was drawn."""
    found: dict[str, Any] = {}
    for axis in axes:
        for handle, label in zip(*axis.get_legend_handles_labels(), strict=True):
            found.setdefault(label, handle)
    return found


def dots(axis: Axes, place: Sequence[float] | np.ndarray, inner: np.ndarray, outer: np.ndarray, middle: np.ndarray, **options: Any) -> None:
    """Points with a thick inner and a thin outer interval, horizontal; filled where the outer interval leaves out ``nothing`` (0).

    inner, outer : (2, J). middle, place : (J,).
    """
    size, colour, lines = options.pop("size", 4.5), options.pop("colour", BLUE), options.pop("lines", (0.9, 2.4))
    zero, nothing = options.pop("zero", True), options.pop("nothing", 0.0)
    axis.hlines(place, outer[0], outer[1], color=colour, linewidth=lines[0])
    axis.hlines(place, inner[0], inner[1], color=colour, linewidth=lines[1])
    away = (outer[0] > nothing) | (outer[1] < nothing) if zero else np.ones(len(middle), dtype=bool)
    place = np.asarray(place, dtype=float)
    for which, face in ((away, colour), (~away, "white")):
        if which.any():
            axis.plot(middle[which], place[which], "o", markersize=size, color=colour, markerfacecolor=face, markeredgewidth=0.9)


def zero_line(axis: Axes, vertical: bool = True, at: float = 0.0) -> None:
    """Where an effect is nothing; a ratio at 1."""
    (axis.axvline if vertical else axis.axhline)(at, color=GREY, linewidth=0.8, linestyle=(0, (4, 3)), zorder=0)


def log_ticks(axis: Axes, which: str = "x", most: int = 8) -> None:
    """Plain numbers along a log axis (x or y), at 1, 2 and 5 times powers of ten as far as there is room: at most ``most``."""
    low, high = getattr(axis, f"get_{which}lim")()
    powers = range(int(np.floor(np.log10(low))) - 1, int(np.ceil(np.log10(high))) + 1)
    for steps in ((1, 1.5, 2, 3, 5, 7), (1, 2, 5), (1, 3), (1,)):
        ticks = [s * 10.0**p for p in powers for s in steps if low <= s * 10.0**p <= high]
        if len(ticks) <= most:
            break
    else:
        ticks = ticks[:: -(-len(ticks) // most)]
    getattr(axis, f"set_{which}ticks")(ticks, [numerals.plain(tick) for tick in ticks])
    axis.minorticks_off()
    getattr(axis, f"set_{which}lim")(low, high)


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
