"""Simulation-based calibration as a whole: it passes what is right, catches what is wrong, and refuses what it cannot do."""

from __future__ import annotations

import signal
import sys
import time
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import gibbs
from gibbs import cli, pipeline, signals
from gibbs.calibration import datasets, folder, sbc
from gibbs.draws import names
from gibbs.errors import OutputError, SamplingError, SpecError
from gibbs.model.records import Prior, Sampling
from gibbs.sampling import pack as packing
from gibbs.sampling import plan
from tests import oracles
from tests.thin import some

PRIORS = {"intercept": "normal(0, 1)", "b": "normal(0, 1)", "sd": "half_t(5, 0, 0.4)", "sigma": "half_normal(0, 1)"}
QUICK = {"chains": 2, "warmup": 250, "draws": 250, "seed": 1, "cores": 1}


def table(rows: int = 24) -> pd.DataFrame:
    rng = np.random.default_rng(2)
    return pd.DataFrame({"y": rng.standard_normal(rows), "x": rng.standard_normal(rows), "g": np.arange(rows) % 6})


@pytest.fixture(scope="module")
def right() -> sbc.Calibration:
    """One small gaussian model, calibrated."""
    return gibbs.sbc("y ~ x + (1 | g)", table(), priors=PRIORS, replicates=60, **QUICK)


def test_a_right_sampler_passes(right):
    assert right.ok and "Verdict: calibrated" in right.verdict
    assert len(right.fitted) == right.asked == 60 and right.L == 100
    assert right.quantities[:4] == ("b_Intercept", "b_x", "sd_g__Intercept", "sigma") and right.quantities[-1] == "log-likelihood"
    assert {"r_g[0,Intercept]", "r_g[5,Intercept]"} <= set(right.quantities)
    found = right.ranks()
    assert len(found) == 60 * len(right.quantities) and found["rank"].between(0, 100).all()
    assert right.table()["slow"].sum() == 0


def test_a_rank_is_that_of_the_truth_among_its_own_fit(right):
    """One replicate made again from the table's seed, by hand."""
    first = right.ranks().query("replicate == 1").set_index("quantity")
    _, each = (lambda s: (s[0], s[1:]))(np.random.SeedSequence(1).spawn(61))
    prepared = pipeline.prepare(right.spec, table())
    made = datasets.simulate(prepared.design, np.random.default_rng(each[0].spawn(2)[0]))
    fit = gibbs.fit(
        "y ~ x + (1 | g)",
        table().assign(y=made.design.y),
        priors=_written(prepared.design),
        **{**QUICK, "seed": int(first["seed"].iloc[0])},
    )
    draws = fit.arrays.hyper[:, :, fit.arrays.hyper_names.index("sigma")]
    place = (np.arange(50) + 1) * 5 - 1
    assert first.loc["sigma", "truth"] == pytest.approx(made.truths.hyper[0, 0, -1], rel=1e-9)
    assert np.sum(draws[:, place] < first.loc["sigma", "truth"]) == first.loc["sigma", "rank"]


def _written(design) -> dict[str, str]:
    """The design's priors in words, so that other data do not change them: here all are the user's already."""
    assert all(row.prior.source != "default" for row in design.coefficient_priors)
    return PRIORS


@pytest.mark.parametrize("bug", some(["prior of the sd on the wrong scale", "too few rows"], 2))
def test_a_wrong_sampler_is_caught(bug, monkeypatch):
    """The sampler is broken, the simulation is not."""
    true_pack = packing.pack

    def broken(design, decided):
        packed = true_pack(design, decided)
        if bug == "prior of the sd on the wrong scale":
            packed.priors.sd[:, 2] **= 2
        if bug == "too few rows":  # 9 of 24 forgotten in the power of sigma
            packed = replace(packed, n=packed.n - 9.0)
        return packed

    monkeypatch.setattr("gibbs.sampling.chains.pack", broken)
    found = gibbs.sbc("y ~ x + (1 | g)", table(), priors=PRIORS, replicates=60, **QUICK)
    assert not found.ok and "not calibrated" in found.verdict


def test_numbers_do_not_depend_on_cores(right):
    """Sixty data sets one after the other, and some of them two at a time."""
    few = gibbs.sbc("y ~ x + (1 | g)", table(), priors=PRIORS, replicates=6, **{**QUICK, "cores": 2})
    pd.testing.assert_frame_equal(few.ranks(), right.ranks().query("replicate <= 6"))


@pytest.mark.parametrize(
    ("family", "further"),
    some(
        [("student", {}), ("probit", {}), ("binomial", {"link": "cloglog"}), ("poisson", {}), ("negative_binomial", {}), ("ordinal", {})],
        2,
        several=True,
    ),
)
def test_every_family_goes_through(family, further):
    """Two data sets each: truths, draws and log-likelihoods of all families fit together."""
    design = oracles.random_design(np.random.default_rng(3), "slopes", family=family, sd_prior="half_normal", rows=40, **further)
    prepared = pipeline.Prepared(_spec(Sampling(chains=2, seed=4, warmup=100, draws=150)), None, design, design, plan.make(design))
    found = sbc.calibrate(prepared, replicates=2, cores=1)
    assert len(found.fitted) == 2 and found.ok
    assert set(names.hyper_names(design)) | {"log-likelihood"} <= set(found.quantities)
    assert np.isfinite(found.ranks()["truth"]).all()


def _spec(sampling: Sampling):
    from gibbs.model import spec as specs

    return replace(specs.build("y ~ x"), sampling=sampling)


def test_what_is_fixed_has_no_rank():
    design = oracles.random_design(np.random.default_rng(3), "two_terms", sd_prior="fixed", sigma_prior=Prior("fixed", (0.8,)))
    watched = sbc.Watched.of(design)
    assert not [name for name in watched.names if name.startswith("sd_") or name == "sigma"]


def test_fewer_rows_are_some_of_the_rows():
    found = gibbs.sbc("y ~ x + (1 | g)", table(), priors=PRIORS, replicates=2, rows=15, **QUICK)
    assert found.rows == 15 and len(found.fitted) == 2
    with pytest.raises(SpecError, match="leave the grouping factor 'g' with one level"):
        gibbs.sbc("y ~ x + (1 | g)", table().assign(g=[0] * 23 + [1]), priors=PRIORS, replicates=2, rows=2, **QUICK)


def test_flat_priors_are_refused_before_anything_is_drawn():
    with pytest.raises(SpecError, match=r"the prior of b\[x\] is flat"):
        gibbs.sbc("y ~ x", table(), priors={"b[x]": "flat"}, replicates=2, **QUICK)


def test_default_scales_stay_what_the_data_made_them():
    """sd(y) of the spec's data, not of the simulated ones: the truths are of that size."""
    found = gibbs.sbc("y ~ x", table().assign(y=table()["y"] * 1000.0), replicates=30, **QUICK)
    truth = found.ranks().query("quantity == 'b_x'")["truth"]
    wanted = 2.5 * np.std(table()["y"] * 1000.0, ddof=1) / np.std(table()["x"], ddof=1)
    assert np.std(truth) == pytest.approx(wanted, rel=0.6) and found.ok


def test_failures_are_a_verdict_and_data_beyond_numbers_are_not(monkeypatch):
    calls = []

    def fit(design, sampling, through=sbc.fit):
        calls.append(1)
        if len(calls) == 1:
            raise SamplingError("chain 1 met a number it cannot trust.")
        return through(design, sampling)

    monkeypatch.setattr(sbc, "fit", fit)
    found = gibbs.sbc("y ~ x", table(), priors={k: PRIORS[k] for k in ("intercept", "b", "sigma")}, replicates=4, **QUICK)
    assert not found.ok and "1 fits failed (chain 1 met" in found.verdict
    wide = gibbs.sbc("k ~ x", table().assign(k=3), family="poisson", priors={"intercept": "normal(0, 60)"}, replicates=8, **QUICK)
    assert "could not be held in numbers" in wide.verdict and not wide.failures
    assert 0 < len(wide.fitted) < 8


@pytest.fixture
def spec_file(tmp_path):
    table().to_csv(tmp_path / "d.csv", index=False)
    path = tmp_path / "model.yaml"
    lines = ["data: d.csv", "formula: y ~ x + (1 | g)", "priors:", *(f"  {k}: {v}" for k, v in PRIORS.items())]
    path.write_text("\n".join([*lines, "sampling: {chains: 2, warmup: 150, draws: 150, seed: 3}"]) + "\n", encoding="utf-8")
    return path


def test_the_command_writes_a_folder_and_says_its_verdict(spec_file, tmp_path, capsys):
    out = tmp_path / "calibrated"
    command = ["sbc", str(spec_file), "--replicates", "4", "--out", str(out), "--cores", "1"]
    assert cli.main(command) == 0
    said = capsys.readouterr().out
    assert "Verdict: calibrated" in said and "ranks.png" in said
    assert {p.name for p in out.iterdir()} == {"manifest.json", "quantities.csv", "ranks.csv", "ranks.png", "spec.yaml", "verdict.txt"}
    ranks = pd.read_csv(out / "ranks.csv")
    assert ranks["replicate"].nunique() == 4 and len(ranks) == 4 * ranks["quantity"].nunique()
    assert (out / "ranks.png").read_bytes()[:4] == b"\x89PNG"
    assert cli.main(command) == 2
    assert "holds a calibration already" in capsys.readouterr().err
    assert cli.main([*command, "--force", "--quiet", "--seed", "4", "--replicates", "2"]) == 0
    assert pd.read_csv(out / "ranks.csv")["replicate"].nunique() == 2
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == []


def test_a_calibration_that_was_broken_off_is_no_success(right, spec_file, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sbc, "calibrate", lambda *a, **k: replace(right, stopped="interrupted"))
    assert right.ok and cli.main(["sbc", str(spec_file), "--out", str(tmp_path / "half")]) == 1
    assert "Stopped early: interrupted." in capsys.readouterr().out


@pytest.mark.skipif(sys.platform == "win32", reason="needs signals")
def test_after_ctrl_c_there_is_no_time_for_a_picture_that_takes_long(right, tmp_path):
    contents = replace(right.contents(), figure=lambda: time.sleep(60.0))
    former = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with signals.deferred():
            began = time.monotonic()
            signal.raise_signal(signal.SIGINT)
            signals.dealt_with()  # as whoever was at work does
            written = folder.write(contents, tmp_path / "stopped")
    finally:
        signal.signal(signal.SIGINT, former)
    assert time.monotonic() - began < 20.0
    assert "No ranks.png: Ctrl-C left no time for it." in (written / "verdict.txt").read_text(encoding="utf-8")
    assert {p.name for p in written.iterdir()} == {"ranks.csv", "quantities.csv", "verdict.txt", "spec.yaml", "manifest.json"}


def test_the_command_refuses_before_it_draws(spec_file, tmp_path, capsys):
    text = spec_file.read_text(encoding="utf-8").replace("b: normal(0, 1)", "b: flat")
    spec_file.write_text(text, encoding="utf-8")
    assert cli.main(["sbc", str(spec_file), "--out", str(tmp_path / "new")]) == 2
    assert "b[x] is flat" in capsys.readouterr().err and not (tmp_path / "new").exists()


def test_a_folder_of_somebody_elses_is_never_replaced(right, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("…", encoding="utf-8")
    with pytest.raises(OutputError, match="does not hold a calibration"):
        right.save(tmp_path / "mine", force=True)
    right.save(tmp_path / "ours")
    (tmp_path / "ours" / "notes.txt").write_text("…", encoding="utf-8")
    with pytest.raises(OutputError, match=r"other files too \(notes.txt\)"):
        right.save(tmp_path / "ours", force=True)


def test_the_picture_shows_the_ecdfs(right):
    figure = right.plot(title="Mine", size=(9, 6), level=0.9)
    assert figure.get_suptitle().strip() == "Mine" and figure.get_size_inches().tolist() == [9, 6]
    assert "90 % band" in figure.get_supxlabel().replace("\n", " ") and figure._repr_png_().startswith(b"\x89PNG")  # a notebook shows it
    panels = [a for a in figure.axes if a.axison]
    assert len(panels) == len(right.quantities)
    line = panels[3].lines[-2]  # the ECDF difference stands before the zero line
    at, height = line.get_xdata(), line.get_ydata()
    share = right.ranks().query("quantity == 'sigma'")["rank"].to_numpy()
    k = 40
    assert at[k] == pytest.approx(k / 101)
    assert height[k] == pytest.approx(np.mean(share < k) - k / 101)


SPECS = ["peru_m5", "peru_m6_probit", "sleepstudy"]


@pytest.mark.slow
@pytest.mark.parametrize("name", SPECS)
def test_the_examples_are_calibrated(name):
    """Two hundred data sets of some 400 rows each, as a user would: starts, warm-up and default priors are part of it."""
    found = gibbs.sbc(f"specs/{name}.yaml", replicates=200, rows=400, seed=1)
    assert found.ok, found.verdict
