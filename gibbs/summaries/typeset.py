"""The parts of a table set for a terminal, as Markdown, or as LaTeX (booktabs)."""

from __future__ import annotations

import re
from collections.abc import Sequence

from gibbs.columns import align
from gibbs.printable import printable
from gibbs.summaries.sheets import Part, Row


def plain(parts: Sequence[Part]) -> str:
    """For a terminal: columns aligned, rules as dashes."""
    lines: list[str] = []
    for part in parts:
        if part.kind in ("heading", "verdict") and lines:
            lines.append("")
        if part.kind != "table":
            lines += [printable(line) for line in part.lines]
            continue
        rows = [row for row in part.rows if row is not None]
        aligned = iter(align(rows, left=part.left))
        width = max(len(line) for line in align(rows, left=part.left))
        indent = " " if part.left == 2 else ""
        lines += ["-" * width if row is None else indent + next(aligned) for row in part.rows]
    return "\n".join(lines)


# -------------------------------------------------------------------------------------------------------------- markdown


def markdown(parts: Sequence[Part]) -> str:
    """GitHub's pipe tables; tables with one head become one, their headings bold rows."""
    blocks: list[str] = []
    for part in _joined(parts):
        if part.kind in ("heading", "group"):
            blocks.append(f"**{_markdown(_title(part))}**")
        elif part.kind != "table":
            blocks.append("  \n".join(_markdown(sentence) for sentence in _sentences(part)))
        else:
            head, *rows = [row for row in part.rows if row is not None]
            marks = [":--" if i < part.left else "--:" for i in range(len(head))]
            lines = ["| " + " | ".join(_markdown(cell) for cell in head) + " |", "| " + " | ".join(marks) + " |"]
            for row in rows:
                cells = [_markdown(cell) for cell in row]
                if len(row) == 1:
                    cells = [f"**{cells[0]}**", *[""] * (len(head) - 1)]
                lines.append("| " + " | ".join(cells) + " |")
            blocks.append("\n".join(lines))
    return "\n\n".join(block for block in blocks if block) + "\n"


def _markdown(text: str) -> str:
    return re.sub(r"([\\`*_{}\[\]<>|~#])", r"\\\1", printable(text))


# ----------------------------------------------------------------------------------------------------------------- latex

_LATEX = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"$\sim$",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': "''",
    "–": "--",
    "—": "---",
    "−": r"$-$",
    "²": r"$^2$",
    "³": r"$^3$",
    "π": r"$\pi$",
    "×": r"$\times$",
    "÷": r"$\div$",
    "≤": r"$\le$",
    "≥": r"$\ge$",
}
WIDE = 6
"""Columns up to which a tabular fits the line of an article in its own size."""
_NUMBER = re.compile(r"(?<![\w.)])-(?=\d|inf)")


def latex(parts: Sequence[Part], caption: str = "") -> str:
    """A table environment, for \\usepackage{booktabs}: tabulars, then the words as notes."""
    body: list[str] = []
    notes: list[str] = []
    for part in _joined(parts):
        if part.kind in ("heading", "group"):
            body.append(rf"\textit{{{escape(_title(part))}}}\par\smallskip")
        elif part.kind != "table":
            notes += [escape(sentence) for sentence in _sentences(part)]
        else:
            body += _tabular(part)
    lines = [r"\begin{table}[htbp]", r"\centering"]
    if caption:
        lines.append(rf"\caption{{{escape(caption)}}}")
    lines += body
    if notes:
        lines += [r"\begin{minipage}{\linewidth}\footnotesize\raggedright", "\\par\n".join(notes), r"\end{minipage}"]
    return "\n".join([r"% needs \usepackage{booktabs}", *lines, r"\end{table}"]) + "\n"


def _tabular(part: Part) -> list[str]:
    head = next(row for row in part.rows if row is not None)
    centred = part.rows.count(None) > 0
    columns = "l" * part.left + ("c" if centred else "r") * (len(head) - part.left)
    small = r"\footnotesize\setlength{\tabcolsep}{3pt}" if len(columns) > WIDE else ""
    lines = [rf"{{{small}\begin{{tabular}}{{@{{}}{columns}@{{}}}}", r"\toprule"]
    for i, row in enumerate(part.rows):
        if row is None:
            lines.append(r"\midrule")
        elif len(row) == 1:
            lines.append(rf"\multicolumn{{{len(head)}}}{{@{{}}l}}{{\textit{{{escape(row[0])}}}}} \\")
        else:
            cells = [escape(cell) for cell in row]
            cells[0] = "{}" + cells[0] if cells[0][:1] in ("[", "*") else cells[0]  # not the argument of \\ before it
            lines.append(" & ".join(cells) + r" \\")
            if i == 0 and part.rows[1:2] != (None,) and not centred:
                lines.append(r"\midrule")
    return [*lines, r"\bottomrule", r"\end{tabular}\par}\smallskip"]


def escape(text: str) -> str:
    """Text as LaTeX prints it: special characters escaped, a hyphen before a number as a minus."""
    return "".join(_LATEX.get(c, c) for c in _NUMBER.sub("−", printable(text)))


def _title(part: Part) -> str:
    return " ".join(part.lines).strip().removeprefix("~").rstrip(":")


def _sentences(part: Part) -> list[str]:
    """The lines of a part without the alignment of the terminal: one that begins far to the right goes on with the one before."""
    if part.kind == "verdict":
        return [" ".join(line.strip() for line in part.lines)]
    found: list[str] = []
    for line in part.lines:
        words = " ".join(line.split())
        if line.startswith(" " * 9) and found:
            found[-1] += " " + words
        elif words.strip("-"):
            found.append(words)
    return found


def _joined(parts: Sequence[Part]) -> list[Part]:
    """Tables with the same head that follow each other, headings between them, as one table with those headings as rows of one cell."""
    heads = [part.rows[0] for part in parts if part.kind == "table"]
    found: list[Part] = []
    waiting: list[Part] = []
    for part in parts:
        if part.kind in ("heading", "group"):
            waiting.append(part)
        elif part.kind == "table" and heads.count(part.rows[0]) > 1:
            titles: list[Row | None] = [(_title(heading),) for heading in waiting]
            if found and found[-1].kind == "table" and found[-1].rows[0] == part.rows[0]:
                found[-1] = Part("table", rows=(*found[-1].rows, *titles, *part.rows[1:]), left=part.left)
            else:
                found.append(Part("table", rows=(part.rows[0], *titles, *part.rows[1:]), left=part.left))
            waiting = []
        else:
            found += [*waiting, part]
            waiting = []
    return found + waiting
