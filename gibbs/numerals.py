"""Numbers as a journal prints them: so many significant digits, thousands apart, powers of ten only where nothing else would do."""

from __future__ import annotations

import math

_LARGEST, _SMALLEST = 1e12, 1e-5
"""Beyond these a number is written in powers of ten."""


def plain(value: float, digits: int = 4) -> str:
    """``106,500``, ``0.1234``, ``−`` as a hyphen: ``value`` to ``digits`` significant digits, and all digits before the point.

    Digits before the point are never rounded away by more than the significant ones ask: 106,482.3 to four digits is 106,500. Zeros
    behind the point that say nothing are left out.
    """
    value = float(value)
    if not math.isfinite(value):
        return "nan" if math.isnan(value) else "inf" if value > 0 else "-inf"
    if value == 0:
        return "0"
    size = abs(value)
    if size >= _LARGEST or size < _SMALLEST:
        return f"{value:.{digits - 1}e}"
    rounded = float(f"{value:.{digits - 1}e}")
    places = max(0, digits - 1 - math.floor(math.log10(abs(rounded))))
    text = f"{rounded:,.{places}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def of_predictor(value: float, digits: int = 4) -> str:
    """A value that a predictor has: as ``plain``, but whole numbers and those of four digits are whole, and without a comma.

    ``1985``, ``1984.25``, ``12,400``, ``0.5133``: a year is no amount, and 1983 and 1984 are two of them.
    """
    value = float(value)
    size, whole = abs(value), value == round(value) if math.isfinite(value) else False
    if whole and size < _LARGEST:
        return f"{value:.0f}" if size < 10_000 else f"{value:,.0f}"
    return f"{value:.2f}".rstrip("0").rstrip(".") if 1000 <= size < 10_000 else plain(value, digits)
