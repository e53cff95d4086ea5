"""Text of strangers made fit to be shown: letters that act on a terminal, or turn the text round, spelt out."""

from __future__ import annotations

import re

_ACTING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\u2028\u2029\ud800-\udfff]")
"""Control characters of ASCII and of Latin-1 (tab and newline apart), embeddings and overrides of direction, separators of lines and
paragraphs, and halves of surrogate pairs."""
_ALSO = re.compile("[\t\n]")


def printable(text: str, *, lines: bool = False) -> str:
    r"""``text`` with every such character as Python writes it: ``\x1b`` for ESC, ``\u202e`` for an override from right to left.

    A tab or a newline is spelt out too, unless ``lines`` says that the text may have several. What is fit already comes back as it is.
    """
    if text.isascii() and text.isprintable():
        return text
    found = _ACTING.sub(_spelt, text)
    return found if lines else _ALSO.sub(_spelt, found)


def _spelt(match: re.Match[str]) -> str:
    code = ord(match[0])
    short = {9: "\\t", 10: "\\n"}.get(code)
    return short or (f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}")
