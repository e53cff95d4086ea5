"""Letters that act on a terminal are spelt out, and all others left."""

from __future__ import annotations

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from gibbs.printable import printable


@given(st.text(max_size=20))
def test_no_control_character_is_left(text: str) -> None:
    for shown, allowed in ((printable(text), ""), (printable(text, lines=True), "\t\n")):
        assert not [c for c in shown if unicodedata.category(c) in ("Cc", "Cs") and c not in allowed]
        assert not set(shown) & set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
        assert printable(shown, lines=True) == shown


def test_words_stay_as_they_are() -> None:
    for text in ("Áncash", "北京", "القاهرة", "C:\\report", "a\u00a0b", "x = 1", "🙂"):
        assert printable(text) == text
    assert printable("a\x1b[31m\nb") == r"a\x1b[31m\nb" and printable("a\nb", lines=True) == "a\nb"
