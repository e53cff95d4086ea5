"""Tables for notebooks: what ``_repr_html_`` of checks, effects, comparisons and tables gives."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

from gibbs.numerals import plain
from gibbs.printable import printable

if TYPE_CHECKING:
    import pandas as pd

_MOST = 60  # rows


def table(frame: pd.DataFrame, title: str = "", note: str = "", *, index: bool = False) -> str:
    """A DataFrame with a heading above and a note below, every letter of them escaped; four digits of each number."""
    shown = frame.head(_MOST)
    head = [*([str(shown.index.name or "")] if index else []), *map(str, shown.columns)]
    parts = ["<div class='gibbs'>", f"<p><b>{_safe(title)}</b></p>" if title else "", "<table><thead><tr>"]
    parts += [f"<th style='text-align:{'left' if k == 0 else 'right'}'>{_safe(name)}</th>" for k, name in enumerate(head)]
    parts.append("</tr></thead><tbody>")
    for label, row in zip(shown.index, shown.itertuples(index=False, name=None), strict=True):
        cells = [*([label] if index else []), *row]
        parts.append("<tr>" + "".join(_cell(value) for value in cells) + "</tr>")
    parts.append("</tbody></table>")
    if len(frame) > _MOST:
        parts.append(f"<p>… and {len(frame) - _MOST:,} more rows</p>")
    parts.append(f"<p>{_safe(note)}</p>" if note else "")
    return "".join([*parts, "</div>"])


def text(lines: str) -> str:
    """A report set in columns, as it is."""
    return f"<pre style='line-height:1.3'>{html.escape(printable(lines, lines=True))}</pre>"


class Page(str):
    """A table as text that shows itself as it is: printed where Python would show its quotes, set in columns in a notebook."""

    def __repr__(self) -> str:
        return str(self).rstrip("\n")

    def _repr_html_(self) -> str:
        return text(str(self))


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f"<td style='text-align:right'>{'–' if value != value else plain(value)}</td>"
    side = "right" if isinstance(value, int) else "left"
    return f"<td style='text-align:{side}'>{_safe(str(value))}</td>"


def _safe(words: str) -> str:
    return html.escape(printable(words))
