"""``gibbs.fit`` and ``gibbs.check`` from Python: the same words by every door, and the same draws as the command's."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import gibbs
from gibbs import cli
from gibbs.errors import NotConvergedWarning
from gibbs.model.records import FIRST_CHECK, Prior, Sampling, Until
from gibbs.model.spec import build, same
from gibbs.sampling.progress import Progress

RANDOM = np.random.default_rng(5)
GROUP = np.arange(200) % 10
X = RANDOM.normal(size=200).round(3)
FRAME = pd.DataFrame(
    {
        "y": (1.0 + 0.5 * X + RANDOM.normal(size=10)[GROUP] + RANDOM.normal(size=200)).round(3),
        "x": X,
        "g": GROUP,
        "b": (X > 0.2).astype(int),
    }
)
SHORT: dict[str, Any] = {"chains": 2, "warmup": 60, "draws": 80, "seed": 42}
FORMULA = "y ~ x + (1 | g)"
SPEC = f"data: data.csv\nformula: {FORMULA}\nsampling: {{chains: 2, warmup: 60, draws: 80, seed: 42}}\npriors:\n  b: normal(0, 3)\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.chdir(tmp_path)
    FRAME.to_csv("data.csv", index=False)
    Path("model.yaml").write_text(SPEC, encoding="utf-8")
    yield tmp_path


def equal(a: gibbs.Fit, b: gibbs.Fit) -> bool:
    """Whether two fits hold the same draws, bit for bit."""
    names = ("beta", "hyper", "u", "lp")
    return all(np.array_equal(getattr(a.arrays, n), getattr(b.arrays, n)) for n in names)


# ------------------------------------------------------------------------------------------------------ the same words


def test_every_key_of_a_spec_has_its_argument(folder: Path) -> None:
    """By the list of keys itself, so that a new key cannot forget its argument."""
    import inspect

    from gibbs.model.schema import DataKeys, SamplingKeys, SpecKeys

    arguments = set(inspect.signature(gibbs.fit).parameters) - {"further"}
    assert set(SpecKeys.model_fields) - {"formula", "data", "sampling"} <= arguments
    assert set(SamplingKeys.model_fields) <= arguments
    assert {"missing", "rename", "na"} <= arguments
    for key in set(DataKeys.model_fields) - {"file", "rdatasets", "missing", "rename", "na"}:
        default = DataKeys.model_fields[key].get_default(call_default_factory=True)
        gibbs.check(FORMULA, FRAME, seed=1, **{key: default})  # by name, though not in the signature


def test_arguments_are_the_keys_of_a_spec() -> None:
    words: dict[str, Any] = {
        "formula": FORMULA,
        "family": "student",
        "title": "A title",
        "priors": {"b[x]": "normal(0, 2)"},
        "data": {"missing": "error", "na": ["-9"], "rename": {"x": "income"}},
        "sampling": {"chains": 3, "warmup": 70, "draws": 90, "seed": 7, "cores": 1, "scheme": "joint", "until": {"ess": 50, "rhat": 1.1}},
        "output": "runs/a",
    }
    check = gibbs.check(
        FORMULA,
        FRAME.rename(columns={"x": "income"}),
        family="student",
        title="A title",
        priors={"b[x]": Prior("normal", (0.0, 2.0))},
        missing="error",
        na=["-9"],
        rename={"x": "income"},
        chains=3,
        warmup=70,
        draws=90,
        seed=7,
        cores=1,
        scheme="joint",
        until=Until(ess=50, rhat=1.1),
        output="runs/a",
    )
    assert same(check.spec, build(words))


def test_link_is_an_argument() -> None:
    assert gibbs.check("b ~ 1 + (1 | g)", FRAME, family="binomial", link="probit").spec.family == "probit"


def test_formula_dict_spec_and_file_say_the_same(folder: Path) -> None:
    by_file = gibbs.check("model.yaml")
    by_path = gibbs.check(folder / "model.yaml")
    by_words = gibbs.check(FORMULA, "data.csv", priors={"b": "normal(0, 3)"}, **SHORT)
    by_dict = gibbs.check({"formula": FORMULA, "priors": {"b": "normal(0, 3)"}, "sampling": SHORT}, FRAME)
    by_spec = gibbs.check(by_file.spec)
    for other in (by_path, by_words, by_dict, by_spec):
        assert np.array_equal(other.design.X, by_file.design.X) and np.array_equal(other.design.y, by_file.design.y)
        assert other.spec.sampling == by_file.spec.sampling
        assert other.design.coefficient_priors[1].prior.args == (0.0, 3.0)


def test_arguments_go_before_what_a_spec_says(folder: Path) -> None:
    kept = gibbs.check("model.yaml").spec
    for door in ("model.yaml", kept):
        changed = gibbs.check(door, draws=99, family="student").spec
        assert changed.sampling == replace(kept.sampling, draws=99)
        assert (changed.family, changed.formula, changed.priors) == ("student", kept.formula, kept.priors)


def test_defaults_are_the_documented_ones() -> None:
    sampling = gibbs.check(FORMULA, FRAME).spec.sampling
    assert sampling == replace(Sampling(), seed=sampling.seed, draws=FIRST_CHECK, until=Until())  # until it is precise
    assert sampling.seed is not None and gibbs.check(FORMULA, FRAME).spec.sampling.seed != sampling.seed


def test_two_level_form() -> None:
    check = gibbs.check(data=FRAME, outcome="y", level1=["x"], levels={"g": {"intercept": [], "x": []}})
    assert check.design.factors[0].columns == ("Intercept", "x")
    assert check.design.coefficients == ("Intercept", "x")


# ------------------------------------------------------------------------------------------------------------ the data


def test_a_dict_of_columns_and_a_frame_of_another_library() -> None:
    class Foreign:
        def to_pandas(self) -> pd.DataFrame:
            return FRAME

    expected = gibbs.check(FORMULA, FRAME).design
    for data in ({name: FRAME[name].tolist() for name in FRAME}, Foreign()):
        assert np.array_equal(gibbs.check(FORMULA, data).design.X, expected.X)


def test_index_of_the_frame_plays_no_part() -> None:
    shuffled = FRAME.set_axis(RANDOM.permutation(len(FRAME)), axis=0)
    assert np.array_equal(gibbs.check(FORMULA, shuffled).design.y, FRAME["y"])


def test_the_frame_is_not_changed() -> None:
    before = FRAME.copy(deep=True)
    gibbs.check("y ~ log(x + 10) + (1 | g)", FRAME, na=["1"])
    pd.testing.assert_frame_equal(FRAME, before)


def test_data_given_go_before_the_specs_own(folder: Path) -> None:
    check = gibbs.check("model.yaml", FRAME.head(50))
    assert len(check.design.y) == 50
    assert check.spec.data.file is None
    FRAME.head(60).to_csv("other.csv", index=False)
    assert len(gibbs.check("model.yaml", "other.csv").design.y) == 60
    assert len(gibbs.check("model.yaml", Path("other.csv")).design.y) == 60


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ((FORMULA,), gibbs.DataError, "no data"),
        (("y + x", FRAME), gibbs.SpecError, "neither a formula"),
        (("nowhere.yaml",), gibbs.SpecError, "nowhere.yaml"),
        ((FORMULA, "nowhere.csv"), gibbs.DataError, "nowhere.csv"),
        ((FORMULA, 7), gibbs.DataError, "int"),
        ((FORMULA, {"y": [1.0, 2.0], "x": [1.0]}), gibbs.DataError, "table"),
        ((7, FRAME), gibbs.SpecError, "int"),
        (("y ~ z + (1 | g)", FRAME), gibbs.DataError, "'z'"),
        (("y ~ x + 1 | g", FRAME), gibbs.FormulaError, "^"),
    ],
)
def test_mistakes(folder: Path, arguments: tuple[Any, ...], error: type[Exception], words: str) -> None:
    for function in (gibbs.check, gibbs.fit):
        with pytest.raises(error, match=words.replace("^", r"\^")):
            function(*arguments)


def test_misspelt_argument_is_named_with_the_nearest() -> None:
    with pytest.raises(gibbs.SpecError, match=r"famly.*family"):
        gibbs.check(FORMULA, FRAME, famly="student")


# ----------------------------------------------------------------------------------------------------------- the draws


@pytest.fixture(scope="module")
def fitted() -> gibbs.Fit:
    return gibbs.fit(FORMULA, FRAME, priors={"b": "normal(0, 3)"}, **SHORT)


def test_the_command_gives_the_same_draws(fitted: gibbs.Fit, folder: Path) -> None:
    cli.main(["run", "model.yaml", "--quiet", "--out", "run"])
    assert equal(gibbs.load("run"), fitted)


def test_every_door_gives_the_same_draws(fitted: gibbs.Fit, folder: Path) -> None:
    assert equal(gibbs.fit("model.yaml"), fitted)
    assert equal(gibbs.fit({"formula": FORMULA, "data": "data.csv", "priors": {"b": "normal(0, 3)"}, "sampling": SHORT}), fitted)


def test_another_seed_gives_other_draws(fitted: gibbs.Fit, folder: Path) -> None:
    assert not equal(gibbs.fit("model.yaml", seed=43), fitted)


def test_cores_and_progress_never_change_a_draw(fitted: gibbs.Fit, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for more in ({"cores": 1}, {"cores": 2}, {"progress": True}, {"progress": False}):
        assert equal(gibbs.fit("model.yaml", **more), fitted)
    assert capsys.readouterr().out == ""


def test_progress_is_told_phase_and_sweeps(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from contextlib import nullcontext

    told: list[Progress] = []
    monkeypatch.setattr("gibbs.progress.display", lambda wanted: nullcontext(told.append))
    gibbs.fit("model.yaml")
    assert told[0].phase == "compile"
    assert told[-1].phase == "sampling" and told[-1].done == (140, 140) and told[-1].total == 140


def test_output_is_written_only_where_it_is_asked_for(folder: Path) -> None:
    Path("model.yaml").write_text(SPEC + "output: runs/one\n", encoding="utf-8")
    fit = gibbs.fit("model.yaml")
    assert not Path("runs").exists()
    gibbs.fit("model.yaml", output="runs/two")
    assert equal(gibbs.load("runs/two"), fit)
    with pytest.raises(gibbs.GibbsError, match="force"):
        gibbs.fit("model.yaml", output="runs/two")
    gibbs.fit("model.yaml", output="runs/two", force=True)


def test_taken_folder_is_found_before_sampling(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gibbs.sampling.chains.run", lambda *a, **k: pytest.fail("sampled before looking at the folder"))
    with pytest.raises(gibbs.GibbsError, match=r"data\.csv"):
        gibbs.fit("model.yaml", output="data.csv")


def test_what_check_warns_of_fit_warns_of(folder: Path) -> None:
    doubled = FRAME.assign(w=FRAME["x"] * 2)
    with pytest.warns(UserWarning, match="w") as caught:
        gibbs.fit("y ~ x + w + (1 | g)", doubled, **SHORT)
    before = [str(w.message) for w in caught if not isinstance(w.message, NotConvergedWarning)]  # these draws are few
    assert before == list(gibbs.check("y ~ x + w + (1 | g)", doubled).warnings)
    assert caught[0].filename == __file__, "the warning points at the caller's line"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", NotConvergedWarning)
        gibbs.fit("model.yaml")


def test_a_fit_that_did_not_converge_warns_when_made_and_when_loaded(folder: Path) -> None:
    with pytest.warns(NotConvergedWarning) as caught:
        made = gibbs.fit(FORMULA, FRAME, **SHORT, progress=False, output=folder / "short")
    said = [str(w.message) for w in caught if isinstance(w.message, NotConvergedWarning)]
    assert said == [made.convergence.sentence] and said[0].startswith("Not converged") and caught[-1].filename == __file__
    loaded = gibbs.load(folder / "short")
    with pytest.warns(UserWarning, match="Not converged") as caught:
        loaded.summary()
    assert caught[-1].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        loaded.summary()  # once
        made.summary()
        assert cli.main(["summary", str(folder / "short")]) == 0  # the command says so in its table
