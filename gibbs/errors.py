"""Errors that a person can act on: stage, place, what was found, what is allowed.

Every message a user can cause is one of these. The command line prints ``str(error)`` and exits with ``exit_code``;
it never shows a traceback for them.
"""

from __future__ import annotations

import difflib
import itertools
import re
import sys
from collections.abc import Iterable, Sequence
from typing import Any

from gibbs.printable import printable

LONGEST_MESSAGE, LONGEST_PLACE = 4_000, 400
"""Characters of a message and of its place: names and labels in them come from files, and may be as long as a file."""

_ENDLESS = re.compile(r"[^\s/\\]{301,}")
"""A word longer than the name of any file: shown by its beginning and its end."""


def readable(text: str, longest: int) -> str:
    """``text`` as it may be shown on a terminal: control characters (but for line ends) as escapes, the middle of a long text left out."""
    text = _ENDLESS.sub(lambda word: f"{word[0][:80]}…{word[0][-20:]}", text)
    if len(text) > longest:
        text = f"{text[: 2 * longest // 3]} … {text[-longest // 4 :]}"
    return printable(text, lines=True)


class NotConvergedWarning(UserWarning):
    """The draws are not to be trusted, in the sentence of the verdict (``fit.convergence``)."""


class GibbsError(Exception):
    """Base of every error the package raises on purpose.

    Parameters
    ----------
    message : what was found and what is allowed, in one or two sentences.
    where : the place, such as ``"model.yaml, line 7"`` or ``"data.csv, column 'age'"``; empty where there is none.
    """

    stage = "gibbs"
    exit_code = 2

    def __init__(self, message: str, *, where: str = "") -> None:
        self.message = message = readable(message, LONGEST_MESSAGE)
        self.where = where = readable(where, LONGEST_PLACE)
        super().__init__(f"{self.stage}: {where}: {message}" if where else f"{self.stage}: {message}")

    def __reduce__(self) -> tuple[Any, ...]:
        """An error of another process is the same here."""
        return _again, (type(self), self.message, self.where), self.__dict__


def _again(kind: type[GibbsError], message: str, where: str) -> GibbsError:
    return kind(message, where=where)


class SpecError(GibbsError):
    """The words are wrong: a key, a value, a prior, a file that is not YAML."""

    stage = "spec"


class FormulaError(SpecError):
    """The formula is wrong; the message shows it with a caret under the place."""

    stage = "formula"


class DataError(GibbsError):
    """The data do not fit the words: a missing column, text where numbers belong, an outcome of 0/1/2."""

    stage = "data"


class OutputError(GibbsError):
    """The run folder cannot be written, or holds a run already."""

    stage = "output"


class NotKeptError(GibbsError):
    """Whole draws are needed of effects that were summarised as they were drawn (``keep:``)."""

    stage = "draws"


class PlotError(GibbsError):
    """A picture cannot be drawn: no such kind, nothing to show, matplotlib not installed."""

    stage = "plot"


class SamplingError(GibbsError):
    """A chain stopped on numbers it cannot trust; names the chain, the iteration, the block and the rows behind it."""

    stage = "sampling"
    exit_code = 1


class ClusterError(GibbsError):
    """A cluster cannot be reached, is not fit for the work, or was lost while it was at it."""

    stage = "cluster"


_LONGEST_WORD, _MOST_WORDS = 120, 5_000
"""Letters of a word, and words, that are compared for a hint: more would take seconds."""


def nearest(word: str, allowed: Iterable[str]) -> str:
    """A hint ``" Did you mean 'x'?"`` when something in ``allowed`` is close to ``word``, else ``""``."""
    word = str(word)
    if len(word) > _LONGEST_WORD:  # comparing takes the product of the lengths
        return ""
    allowed = [text for text in map(str, itertools.islice(allowed, _MOST_WORDS)) if len(text) <= _LONGEST_WORD]
    close = difflib.get_close_matches(word, allowed, n=1, cutoff=0.6)
    if not close:
        lower = {a.lower(): a for a in allowed}
        close = [lower[m] for m in difflib.get_close_matches(word.lower(), list(lower), n=1, cutoff=0.6)]
    return f" Did you mean '{close[0]}'?" if close else ""


def some(words: Sequence[str], most: int = 8) -> str:
    """``"It has 60: a, b, c …"``: what there is to choose from."""
    return f"It has {len(words):,}: {', '.join(map(str, words[:most]))}{' …' if len(words) > most else ''}."


def outside() -> int:
    """``stacklevel`` of a warning by the caller of this function that is to name the line outside the package that led to it."""
    frame, level = sys._getframe(1), 1
    while frame.f_back is not None and frame.f_globals.get("__name__", "").partition(".")[0] == "gibbs":
        frame, level = frame.f_back, level + 1
    return level
