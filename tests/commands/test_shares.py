"""``gibbs shares``: what there is to be said, and where Student-t effects leave nothing to say."""

from __future__ import annotations

from pathlib import Path

import pytest

from gibbs.cli import main
from tests.commands import runs


def said(folder: Path, formula: str, family: str, capsys: pytest.CaptureFixture[str]) -> str:
    path = runs.write(folder, formula=formula, family=family)
    assert main(["shares", str(path)]) == 0
    return " ".join(capsys.readouterr().out.split())


def test_normal_effects_have_every_share(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = said(tmp_path, "b ~ x + (1 | gr(g, by = region))", "logit", capsys)
    assert "latent scale" in text and "observed scale (of the outcome itself)" in text and "marginal 0." in text
    assert "Not to be had" not in text


@pytest.mark.parametrize(("outcome", "family"), [("b", "logit"), ("count", "poisson")])
def test_student_effects_have_no_average_of_an_outcome(
    outcome: str, family: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = said(tmp_path, f"{outcome} ~ x + (1 | gr(g, dist = student))", family, capsys)
    assert "Not to be had where effects (of g) are Student-t: shares on the observed scale, and the marginal R²." in text
    assert "conditional 0." in text and "marginal 0." not in text
    assert ("they need the mean count" in text) == (family == "poisson")


def test_a_linear_model_with_student_effects_has_both(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = said(tmp_path, "y ~ x + (1 | gr(g, dist = student))", "gaussian", capsys)
    assert "marginal 0." in text and "Not to be had" not in text
