"""Quotes of a CSV file, looked at before its rows are read: a quote that is never closed would make one value of the rest of the file.

A value is quoted where it begins with a quote, directly behind a delimiter or the start of a line; inside, two quotes stand for one.
Anywhere else a quote is a letter (``12" pipe``). One pass over the bytes, in blocks.
"""

from __future__ import annotations

from typing import BinaryIO, NamedTuple

import numpy as np

from gibbs.errors import DataError

_BLOCK = 1 << 24
_QUOTE, _NEWLINE, _RETURN, _ZERO, _NINE = 34, 10, 13, 48, 57
_RARE = 3  # quoted values of several lines, in a file that has hardly any
_SHOWN = 60  # letters of the file in a message

_REMEDY = 'Close it; a quote that belongs to the text is doubled, in a value that is itself in quotes: "a 12"" pipe".'


class _Open(NamedTuple):
    """Where a quoted value begins."""

    line: int
    text: str


class Found(NamedTuple):
    """What one pass over a file has seen."""

    zeros: bool  # some value looks like a code with a leading zero (01, 007)
    spans: list[tuple[int, int]]  # the lines from and to of quoted values of several lines, the first few


def scan(stream: BinaryIO, delimiter: str, source: str) -> Found:
    """Check every quote of a CSV file.

    Raises DataError, with the line where the quote opens, for a quote that is never closed, and for one that another value's quote
    closes lines further on: the rows between would be swallowed. Quoted values of several lines are fine.
    """
    ends = np.zeros(256, dtype=bool)
    ends[[ord(delimiter), _NEWLINE, _RETURN]] = True
    opened: _Open | None = None
    last, line, zeros = _NEWLINE, 1, False
    first, returns, spans = True, False, list[tuple[int, int]]()
    while block := _block(stream):
        if first:
            block = block.removeprefix(b"\xef\xbb\xbf")
            returns = b"\r" in block and b"\n" not in block  # lines that end as they did on old Macs
        first = False
        if returns:
            block = block.replace(b"\r", b"\n")
        codes = np.frombuffer(block, dtype=np.uint8)
        zeros = zeros or _leading_zero(codes, last, ends)
        at = np.flatnonzero(codes == _QUOTE)
        if len(at):
            before = np.concatenate([[last if at[0] == 0 else codes[at[0] - 1]], codes[at[1:] - 1]])
            after = np.append(codes, _NEWLINE)[at + 1]
            inside = opened is not None
            if _tidy(before, after, ends, inside):
                _add_spans(spans, codes, at, line, opened)
                opened = _last_opened(block, codes, at, before, line, opened)
            else:
                opened = _walk(block, codes, at, before, after, ends, line, opened, source, spans)
        line += int(np.count_nonzero(codes == _NEWLINE))
        last = int(codes[-1]) if len(codes) else last
    if opened is not None:
        raise DataError(
            f"a quote opens here and is never closed, so that the rest of the file would be one value ({opened.text}). {_REMEDY}",
            where=f"{source}, line {opened.line:,}",
        )
    return Found(zeros, spans)


def swallowed(stream: BinaryIO, spans: list[tuple[int, int]], delimiter: str, columns: int) -> tuple[str, ...]:
    """A sentence where a quoted value of several lines looks like rows: every line of it has as many fields as the header.

    Two quotes too many, lines apart, make one value of what lies between, and the file is whole. Only where such values are rare: where
    they are many they are a column of text.
    """
    if columns < 2 or not 0 < len(spans) <= _RARE:
        return ()
    wanted = {k: True for k, (start, end) in enumerate(spans) if columns > 2 or end - start > 1}
    mark = delimiter.encode()
    last, number = max(end for _, end in spans), 0
    for number, line in enumerate(stream, 1):
        if number > last:
            break
        if line.count(mark) != columns - 1:
            wanted = {k: True for k in wanted if not spans[k][0] <= number <= spans[k][1]}
    if number < last:
        return ()  # lines that end as they did on old Macs
    return tuple(
        f"the quote that opens on line {spans[k][0]:,} closes on line {spans[k][1]:,}, and each of these lines has as many fields as the "
        "header: if they are rows, a quote is missing or stands alone there, and one value was made of them."
        for k in wanted
    )


def _add_spans(spans: list[tuple[int, int]], codes: np.ndarray, at: np.ndarray, line: int, opened: _Open | None) -> None:
    """The values of several lines that close in a tidy block."""
    if len(spans) > _RARE:
        return
    lines = line + np.searchsorted(np.flatnonzero(codes == _NEWLINE), at)
    if opened is not None:
        lines = np.concatenate([[opened.line], lines])
    starts, ends = lines[0::2], lines[1::2]
    several = np.flatnonzero(ends > starts[: len(ends)])[: _RARE + 1 - len(spans)]
    spans += [(int(starts[k]), int(ends[k])) for k in several]


def _block(stream: BinaryIO) -> bytes:
    """The next bytes, such that what follows a quote or a zero is in the same block."""
    block = stream.read(_BLOCK)
    while block.endswith((b'"', b"0")) and (more := stream.read(1 << 12)):
        block += more
    return block


def _tidy(before: np.ndarray, after: np.ndarray, ends: np.ndarray, inside: bool) -> bool:
    """Whether quotes open and close in turn, each at an end of a value or beside another quote: the usual file, seen at a glance."""
    first = int(inside)
    opening, closing = before[first::2], after[1 - first :: 2]
    return bool((ends[opening] | (opening == _QUOTE)).all() and (ends[closing] | (closing == _QUOTE)).all())


def _last_opened(block: bytes, codes: np.ndarray, at: np.ndarray, before: np.ndarray, line: int, opened: _Open | None) -> _Open | None:
    """Where the value begins that a tidy block ends in, or None."""
    first = int(opened is not None)
    if (len(at) + first) % 2 == 0:
        return None
    starts = at[first::2][before[first::2] != _QUOTE]
    return _place(block, codes, int(starts[-1]), line) if len(starts) else opened


def _walk(
    block: bytes,
    codes: np.ndarray,
    at: np.ndarray,
    before: np.ndarray,
    after: np.ndarray,
    ends: np.ndarray,
    line: int,
    opened: _Open | None,
    source: str,
    spans: list[tuple[int, int]],
) -> _Open | None:
    """Quote by quote, where some are letters of the text."""
    newlines = np.flatnonzero(codes == _NEWLINE)
    lines = line + np.searchsorted(newlines, at)
    i, places = 0, at.tolist()
    starts, finishes = ends[before].tolist(), ends[after].tolist()
    while i < len(places):
        if opened is None:
            if starts[i]:
                opened = _place(block, codes, places[i], line)
        elif i + 1 < len(places) and places[i + 1] == places[i] + 1:
            i += 1  # two quotes stand for one
        else:
            if not finishes[i] and int(lines[i]) > opened.line:
                raise DataError(
                    f"a quote opens here and closes only on line {int(lines[i]):,}, in the middle of a value, so that the rows between "
                    f"would be one value ({opened.text}). {_REMEDY}",
                    where=f"{source}, line {opened.line:,}",
                )
            if int(lines[i]) > opened.line and len(spans) <= _RARE:
                spans.append((opened.line, int(lines[i])))
            opened = None
        i += 1
    return opened


def _place(block: bytes, codes: np.ndarray, at: int, line: int) -> _Open:
    text = block[at : at + 4 * _SHOWN].split(b"\n", 1)[0].rstrip(b"\r").decode("utf-8", "replace")
    return _Open(line + int(np.count_nonzero(codes[:at] == _NEWLINE)), text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…")


def _leading_zero(codes: np.ndarray, last: int, ends: np.ndarray) -> bool:
    """Whether a value begins with 0 and another digit."""
    at = np.flatnonzero(codes[:-1] == _ZERO)
    if not len(at):
        return False
    follows = codes[at + 1]
    at = at[(follows >= _ZERO) & (follows <= _NINE)]
    before = np.where(at > 0, codes[at - 1], last)
    return bool((ends[before] | (before == _QUOTE) | (before == 32) | (before == 43) | (before == 45)).any())
