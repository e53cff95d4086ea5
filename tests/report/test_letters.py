"""Indices of equations: set low where they are indices, and no letter lost."""

from __future__ import annotations

import pytest

from gibbs.report.letters import set_low


@pytest.mark.parametrize(
    ("equation", "pieces"),
    [
        ("α_j = δ", [("α", "j"), (" = δ", "")]),
        ("α_j[i] + x_score_i", [("α", "j[i]"), (" + x_score", "i")]),
        ("N(0, σ_ν²)", [("N(0, σ", "ν"), ("²)", "")]),
        ("N(0, s_i²)", [("N(0, s", "i"), ("²)", "")]),
        ("σ_η₂, ρ", [("σ", "η₂"), (", ρ", "")]),
        ("= c_k − η_i", [("= c", "k"), (" − η", "i")]),
        ("c_1 < c_2", [("c", "1"), (" < c", "2")]),
        ("β₁·poly(a, 2)2_i", [("β₁·poly(a, 2)2", "i")]),
        ("(ν_j, η_j) ~ N", [("(ν", "j"), (", η", "j"), (") ~ N", "")]),
        ("a_index + log_kin.a", [("a_index + log_kin.a", "")]),
        ("", []),
    ],
)
def test_what_is_an_index(equation: str, pieces: list[tuple[str, str]]) -> None:
    assert set_low(equation) == pieces
    assert "".join(text + (index and f"_{index}") for text, index in pieces) == equation
