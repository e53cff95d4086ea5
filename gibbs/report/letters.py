"""Equations with their indices set low: ``α_j[i]`` becomes α with the index j[i] below, for a page without MathJax.

``gibbs.model.equations`` writes an index after an underscore. Names of columns have underscores too, so that only what can be an index is
set low: the letters of rows and factors, the error terms under a σ (with the group of levels that it is of), and the number of a cutpoint.
"""

from __future__ import annotations

import re

_INDEX = r"[ijklmnopqrstu]\d*(?:\[[ijklmnopqrstu]\d*\])?"
_OF_SCALES = r"(?:[νκωζξηε][₀-₉]*|[jklmnopqrstu]\d*(?=\[))(?:\[[^\]]*\])?"
_LOW = re.compile(rf"(?<=[^\s_])_({_INDEX})(?![A-Za-z0-9_.\[])|(?<=[σρΣ])_({_OF_SCALES})|(?<=\bc)_(\d+)(?![A-Za-z0-9_.])")


def set_low(equation: str) -> list[tuple[str, str]]:
    """The equation as pieces ``(text, index)``: each text is followed by its index, which may be empty."""
    pieces, start = [], 0
    for found in _LOW.finditer(equation):
        pieces.append((equation[start : found.start()], found[1] or found[2] or found[3]))
        start = found.end()
    return [*pieces, (equation[start:], "")] if start < len(equation) else pieces
