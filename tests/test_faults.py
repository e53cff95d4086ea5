"""Every input of ../shared/faults is named by a test that has its right value or words; those that no test of a module has are here."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

import gibbs

FAULTS = Path(__file__).resolve().parents[2] / "shared" / "faults"
pytestmark = pytest.mark.skipif(not FAULTS.is_dir(), reason="../shared/faults is not here")


def test_every_input_has_a_test() -> None:
    tests = [file.read_text(encoding="utf-8") for file in Path(__file__).parent.rglob("test_*.py") if file != Path(__file__)]
    here = Path(__file__).read_text(encoding="utf-8")
    for fault in sorted(FAULTS.iterdir()):
        if fault.name != "README.md":
            named = f'"{fault.stem}"'
            assert any(named in text or f"faults/{fault.stem}" in text for text in tests) or f"FAULTS / {named}" in here or (
                f'FAULTS / "{fault.name}"' in here
            ), fault.name  # fmt: skip


def test_the_partially_nested_trial_has_the_variances_of_lmer() -> None:
    """lmer: sd of the clusters of the treated arm 1.02, sigma 1.867; each to a third of a posterior sd, the skew of the sd's law."""
    fit = gibbs.fit(FAULTS / "partially_nested" / "spec.yaml", seed=1, draws=4000, progress=False)
    found = fit.summary()
    for name, lmer in (("sd_cluster__treat", 1.02), ("sigma", 1.867)):
        assert abs(found.loc[name, "mean"] - lmer) < found.loc[name, "sd"] / 3, name


def test_labelled_codes_are_named_and_taken_out_by_their_labels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pyreadstat")
    monkeypatch.chdir(tmp_path)
    runpy.run_path(str(FAULTS / "labelled_codes.py"))
    spec = "data: {file: part.dta%s}\nfamily: logit\nformula: y ~ therm + (1 | st)\n"
    Path("as_it_is.yaml").write_text(spec % "", encoding="utf-8")
    said = str(gibbs.check("as_it_is.yaml"))
    assert '998 "Don\'t know"' in said and '999 "Refused"' in said and "most values of 'therm' have no label" in said
    Path("out.yaml").write_text(spec % ', na: ["Don\'t know", Refused, Nobody]', encoding="utf-8")
    said = str(gibbs.check("out.yaml"))
    assert "Nobody" in said and "999" not in said.split("Predictors")[1].split("Groups")[0]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # the script leaves closing its file to the system
@pytest.mark.parametrize("arguments", ["4 0.1 1", "8 0 1"])
def test_many_slopes_draw(arguments: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The script's own spec, at its size; four and eight columns a level stopped in their first sweeps."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["many_slopes.py", *arguments.split()])
    runpy.run_path(str(FAULTS / "many_slopes.py"))
    with pytest.warns(gibbs.errors.NotConvergedWarning):
        fit = gibbs.fit("spec.yaml", chains=2, warmup=50, draws=50, cores=1, progress=False)
    assert abs(fit.summary().loc["b_x0", "mean"] - 1.0) < 0.1
