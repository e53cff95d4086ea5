"""Lines of words: as wide as the terminal, and never broken inside a word.

The width is that of ``COLUMNS``, else of the terminal that is written to. Where neither says (a pipe, a log), messages stay on one line,
as programs that read them like it, and pages (``gibbs check``, summaries) have a width of their own.
"""

from __future__ import annotations

import os
import re
import textwrap
from typing import Any

NARROWEST, WIDEST = 20, 100
"""Between these a page follows the terminal: longer lines are hard to read."""
_HANGING = re.compile(r"(\s*\S.*?\s{2,})\S")


def width(stream: Any, unknown: int) -> int:
    """Columns of ``stream``, between ``NARROWEST`` and ``WIDEST``; ``unknown`` where nothing says."""
    known = _columns(stream)
    return unknown if known is None else min(max(known, NARROWEST), WIDEST)


def _columns(stream: Any) -> int | None:
    """``COLUMNS``, else the size of the terminal that ``stream`` is (80 where it does not know); None where it is none."""
    written = os.environ.get("COLUMNS", "")
    if written.isascii() and written.isdigit() and 0 < int(written) < 100_000:
        return int(written)
    try:
        return os.get_terminal_size(stream.fileno()).columns or 80 if stream.isatty() else None
    except (AttributeError, OSError, ValueError):
        return None


def lines(text: str, width: int, first: str = "", rest: str = "") -> list[str]:
    """``text`` in lines of at most ``width`` characters, a longer word on a line by itself; ``first`` and ``rest`` stand before them."""
    found = textwrap.wrap(text, max(width, 1), initial_indent=first, subsequent_indent=rest, break_long_words=False, break_on_hyphens=False)
    return found or [first]


def message(text: str, stream: Any) -> str:
    """``text`` wrapped for ``stream``, line by line; lines that begin with a blank or are set in columns stay as they are."""
    known = _columns(stream)
    if known is None:
        return text
    wide = max(known, NARROWEST)
    return "\n".join(part for line in text.split("\n") for part in ([line] if _set(line) else lines(line, wide)))


def help_text(text: str, width: int) -> str:
    """``text`` wrapped: paragraphs are filled anew, what stands in columns goes under its last column (``  run SPEC   draw …``)."""
    found: list[str] = []
    for line in _paragraphs(text):
        hanging = _HANGING.match(line)
        if len(line) <= width or not line.strip():
            found.append(line)
        elif hanging and len(hanging.group(1)) <= width // 2:
            head = hanging.group(1)
            found += lines(line[len(head) :], width, head, " " * len(head))
        else:
            blank = line[: len(line) - len(line.lstrip())]
            found += lines(" ".join(line.split()), width, blank, blank + ("    " if hanging else ""))
    return "\n".join(found)


def _paragraphs(text: str) -> list[str]:
    """The lines of ``text``, those of a paragraph in one: it ends at a blank line, at one set by hand, and after a colon."""
    found = [""]
    for line in text.split("\n"):
        goes_on = line.strip() and found[-1].strip() and not _set(line) and not _set(found[-1]) and not found[-1].endswith(":")
        if goes_on:
            found[-1] += f" {line}"
        else:
            found.append(line)
    return found[1:]


def _set(line: str) -> bool:
    return line[:1] == " " or "  " in line
