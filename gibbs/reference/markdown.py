"""Markdown: tables for the pages, and pages for a terminal."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from gibbs import wrap


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table; bars in cells are escaped."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in line) + " |" for line in lines) + "\n"


def code(text: str) -> str:
    """``text`` as code; nothing where it is empty."""
    return f"`{text}`" if text else ""


def for_terminal(page: str, width: int) -> str:
    """A page as it reads on a terminal: headings underlined, tables in columns that fit, code to be copied, marks of emphasis gone."""
    found: list[str] = []
    lines = iter(_joined(re.sub(r"<!--.*?-->\n*", "", page, flags=re.S).splitlines()))
    for line in lines:
        if line.startswith("```"):
            found += _fenced(line, lines, width)
        elif line.startswith("|"):
            rows, line = _rows(line, lines)
            found += [*_set(rows, width), _plain(line)]
        elif line.startswith("#"):
            title = _plain(line.lstrip("# "))
            found += [title, ("=" if line.startswith("# ") else "-") * len(title)]
        elif line.startswith(("- ", "  ")) or not line.strip():
            lead = line[: len(line) - len(line.lstrip("- "))]
            found += wrap.lines(_plain(line.strip("- ")), width, lead, " " * len(lead)) if line.strip() else [""]
        else:
            found += wrap.lines(_plain(line), width)
    return "\n".join(found)


def _joined(lines: Sequence[str]) -> list[str]:
    """The lines with those of one paragraph, or of one point of a list, as one; tables, headings and code stay as they are."""
    found: list[str] = []
    inside = False
    for line in lines:
        inside ^= line.startswith("```")
        goes_on = found and found[-1].strip() and not found[-1].startswith(("#", "|", "```", "<"))
        if goes_on and not inside and line.strip() and not line.startswith(("#", "|", "```", "- ", "<")):
            found[-1] += " " + line.strip()
        else:
            found.append(line)
    return found


def _fenced(fence: str, lines: Iterator[str], width: int) -> list[str]:
    """Code as it is, to be copied; a comment that has no room behind its code stands above it, and words (```text) go on below."""
    found: list[str] = []
    for line in lines:
        if line.startswith("```"):
            break
        within = "    " + line[: len(line) - len(line.lstrip())]
        if len(line) + 4 <= width:
            found.append(f"    {line}".rstrip())
        elif fence == "```text" and "  " not in line.strip():
            found += wrap.lines(line.strip(), width, within, within)
        elif commented := re.fullmatch(r"\s*(\S.*?)\s{2,}# (.*)", line) or re.fullmatch(r"\s*(\S.*?) # (.*)", line):
            found += [*wrap.lines(commented[2], width, f"{within}# ", f"{within}# "), f"{within}{commented[1]}"]
        else:
            found.append(f"    {line}")
    return found


def _rows(first: str, lines: Iterator[str]) -> tuple[list[list[str]], str]:
    """The rows of a table that begins with ``first``, and the line behind it."""
    rows = [_cells(first)]
    for line in lines:
        if not line.startswith("|"):
            return rows, line
        rows.append(_cells(line))
    return rows, ""


def _cells(line: str) -> list[str]:
    return [_plain(cell.strip().replace("\\|", "|")) for cell in re.split(r"(?<!\\)\|", line.strip())[1:-1]]


def _set(rows: list[list[str]], width: int) -> list[str]:
    """A table in columns: the last is as wide as there is room, the others no wider than a third; a cell goes on below itself."""
    rows = [row for row in rows if not all(set(cell) <= {"-", ":"} and cell for cell in row)]
    columns = len(rows[0])
    most = max(10, width // 3 if columns > 1 else width)
    words = [max(len(word) for row in rows for word in (row[k].split() or [""])) for k in range(columns)]
    widths = [max(words[k], min(most, max(len(row[k]) for row in rows))) for k in range(columns - 1)]
    while sum(widths) + 2 * len(widths) > width - 24 and (wide := [k for k in range(columns - 1) if widths[k] > words[k]]):
        widths[max(wide, key=widths.__getitem__)] -= 1
    if sum(widths) + 2 * len(widths) > width - max(16, min(words[-1], 30)):
        return _below_each_other(rows, width)
    widths.append(width - sum(widths) - 2 * len(widths))
    found = []
    for n, row in enumerate(rows):
        parts = [wrap.lines(cell, w) if cell else [""] for cell, w in zip(row, widths, strict=True)]
        for k in range(max(map(len, parts))):
            cells = [(part[k] if k < len(part) else "").ljust(w) for part, w in zip(parts, widths, strict=True)]
            found.append("  ".join(cells).rstrip())
        if n == 0:
            found.append("  ".join(("-" * len(cell)).ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip())
    return found


def _below_each_other(rows: list[list[str]], width: int) -> list[str]:
    """A table that is too wide for its columns: the first cell of a row, and below it the others, each behind its heading."""
    found = []
    for first, *rest in rows[1:]:
        found += wrap.lines(first, width)
        for head, cell in zip(rows[0][1:], rest, strict=True):
            found += wrap.lines(f"{head}: {cell}", width, "  ", "    ") if cell else []
    return found


def _plain(text: str) -> str:
    """Without backticks, stars of emphasis, and the addresses of links."""
    text = re.sub(r"\[([^\]]+)\]\([^)]+\)", r"\1", text)
    text = re.sub(r"(?<!\w)\*\*?([^*\s][^*]*?)\*\*?(?!\w)", r"\1", text)
    return text.replace("`", "")
