"""The predictors as ``gibbs check`` shows them."""

from __future__ import annotations

import numpy as np
import pandas as pd

import gibbs

FRAME = pd.DataFrame(
    {
        "y": [1.0, 2.5, 3.0, 2.0, 4.0, 1.5, 2.0, 3.5],
        "therm": [0, 50, 100, 998, None, 25, 75, 50],
        "educ": ["hs", "ba", "hs", "hs", None, "ma", "ba", "hs"],
        "z": [1, 2, 3, 4, 5, 6, 7, 8],
        "g": list("aabbccdd"),
    }
)


def test_check_shows_range_mean_and_missing_share_of_every_predictor() -> None:
    text = str(gibbs.check("y ~ therm + educ + offset(z) + (1 | g)", FRAME, seed=1))
    block = text.split("Predictors (of all rows read)\n")[1].split("\n\n")[0].splitlines()
    assert block[0].split() == ["least", "mean", "largest", "missing"]
    assert block[1].split() == ["therm", "0", "185.429", "998", "12.5", "%"]
    assert block[2].split() == ["z", "1", "4.5", "8", "0", "%"]
    assert block[3].strip() == "educ: 3 categories, hs (4), ba (2), ma (1); missing 12.5 %"
    assert len(block) == 4


def test_no_predictors_no_section() -> None:
    assert "Predictors" not in str(gibbs.check("y ~ 1 + (1 | g)", FRAME, seed=1))


def test_the_mean_of_a_centred_column_is_zero_and_not_the_rounding_of_a_sum() -> None:
    x = np.linspace(0.0, 1.3, 59)
    text = str(gibbs.check("y ~ x", pd.DataFrame({"y": np.sin(40 * x), "x": x - x.mean()}), seed=1))
    (line,) = (line.split() for line in text.splitlines() if line.startswith("  x  "))
    assert line[2] == "0"
