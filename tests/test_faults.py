"""Every input of ../shared/faults has a test that holds its right value or words; the tests that belong to no module are here."""

from __future__ import annotations

import ast
import runpy
from dataclasses import dataclass
from pathlib import Path

import pytest

import gibbs

FAULTS = Path(__file__).resolve().parents[2] / "shared" / "faults"
pytestmark = pytest.mark.skipif(not FAULTS.is_dir(), reason="../shared/faults is not here")


@dataclass(frozen=True)
class Held:
    """Where the right answer to a fault is asserted: a test of a file, and what it holds.

    numbers : as the faults' README writes them; the test has one that rounds to each. words : parts of what is to be said.
    corrected : the numbers are not those of the README, and the test says why.
    """

    file: str
    test: str
    numbers: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    corrected: bool = False


HERE = "test_faults.py"
FIPS = ("0.943", "0.682", "0.241", "0.394", "0.210", "0.524", "0.609", "0.393", "0.751", "0.645", "0.526", "0.02")
RIGHT: dict[str, tuple[Held, ...]] = {
    "yr2": (Held("model/test_default_rows.py", "test_yr2_has_its_rows_and_the_posterior_of_lmer", ("0.01953", "3.05")),),
    "year_slope": (
        Held("sampling/test_centred_effects.py", "test_year_slope_has_one_mode_and_the_answer_of_centred_years", ("0.118", "2.13", "1.58")),
    ),
    "nested_alike": (
        Held("sampling/test_alike_levels.py", "test_the_law_by_quadrature", ("3.181", "0.465", "1.998", "9.297"), corrected=True),
        Held("sampling/test_alike_levels.py", "test_a_region_of_one_state_that_is_all_zero"),
    ),
    "many_slopes.py": (Held(HERE, "test_many_slopes_draw", words=("4 0.1 1", "8 0 1")),),
    "maximal": (Held("sampling/test_many_slopes.py", "test_a_maximal_crossed_model_has_lmer_s_coefficients", ("23.9", "21.5", "65.9")),),
    "fipspr": (Held("specs/test_population_codes.py", "test_a_frame_is_read_as_the_fit_s_data_were", FIPS),),
    "labelled_codes.py": (
        Held(
            HERE, "test_labelled_codes_are_named_and_taken_out_by_their_labels", words=("998 ", "999 ", "Don't know", "Refused", "Nobody")
        ),
    ),
    "open_quote": (
        Held("model/test_quotes.py", "test_the_file_that_swallowed_its_rows", words=("a quote opens here and is never closed",)),
    ),
    "dates": (Held("model/test_spelling.py", "test_the_survey_with_dates", words=("it holds dates",)),),
    "partially_nested": (
        Held(HERE, "test_the_partially_nested_trial_has_the_variances_of_lmer", ("1.02", "1.867")),
        Held("model/test_factor_warnings.py", "test_the_partially_nested_trial"),
    ),
    "separation_missed": (
        Held(
            "model/test_pure_cells.py",
            "test_the_conditionals_of_the_report",
            words=("response is 1 in all 232 rows", "counterexamples = few"),
        ),
    ),
    "empty_category": (
        Held(
            "sampling/test_empty_categories.py", "test_the_input_that_failed_and_what_comes_after", words=("nobody in the rows used chose",)
        ),
    ),
    "prior_weights": (
        Held("posterior/test_precision.py", "test_group_means_give_what_lmer_gives", ("0.5011", "0.0197", "0.313", "1.164")),
    ),
}


def constants(node: ast.AST) -> tuple[list[float], list[str]]:
    """The numbers and the texts that a piece of code holds, without its docstring."""
    body = [one for one in ast.walk(node) if isinstance(one, ast.Constant)]
    docstring = ast.get_docstring(node, clean=False) if isinstance(node, ast.FunctionDef) else None
    return (
        [float(one.value) for one in body if isinstance(one.value, int | float)],
        [one.value for one in body if isinstance(one.value, str) and one.value != docstring],
    )


def held_by(file: Path, test: str) -> tuple[str, list[float], list[str]]:
    """The source of a test, the numbers and texts in it and in the module's constants and functions that it names, and theirs."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    known: dict[str, ast.AST] = {one.name: one for one in tree.body if isinstance(one, ast.FunctionDef)}
    for one in tree.body:
        targets = one.targets if isinstance(one, ast.Assign) else [one.target] if isinstance(one, ast.AnnAssign) else []
        known |= {target.id: one for target in targets if isinstance(target, ast.Name)}
    numbers, texts, seen, ahead = [], [], set(), [test]
    while ahead:
        name = ahead.pop()
        if name in seen or name not in known:
            continue
        seen.add(name)
        more, said = constants(known[name])
        numbers, texts = numbers + more, texts + said
        ahead += [one.id for one in ast.walk(known[name]) if isinstance(one, ast.Name)]
        ahead += [one.arg for one in ast.walk(known[name]) if isinstance(one, ast.arg)]  # fixtures
    assert test in known, f"{file.name} has no {test}"
    return ast.unparse(known[test]), numbers, texts


def test_every_input_has_a_test_that_holds_what_is_right() -> None:
    """Not by name alone: the test reads the input, is of the fast suite, asserts, and holds the numbers or words of the report."""
    report = (FAULTS / "README.md").read_text(encoding="utf-8").splitlines()
    assert {fault.name for fault in FAULTS.iterdir()} - {"README.md"} == set(RIGHT)
    for fault, places in RIGHT.items():
        (row,) = [line for line in report if line.startswith("|") and fault.removesuffix(".py") in line.split("|")[1]]
        for place in places:
            source, numbers, texts = held_by(Path(__file__).parent / place.file, place.test)
            where = (fault, place.test)
            assert any(fault in text for text in texts) or place.test == "test_the_law_by_quadrature", where
            assert any(word in source for word in ("assert", "pytest.raises")) and "mark.slow" not in source, where
            for written in place.numbers:
                digits = len(written.partition(".")[2])
                assert place.corrected or written in row, (*where, written)
                assert any(f"{number:.{digits}f}" == written for number in numbers), (*where, written)
            for words in place.words:
                assert any(words in text for text in texts), (*where, words)


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
