"""CODA files: R's coda reads them back, names, iterations and numbers."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from gibbs.errors import OutputError, SpecError
from gibbs.export import coda
from gibbs.posterior import parameters
from tests.export import against_jags, models
from tests.posterior.fabricated import design, draws, factor, fit, term


def strange() -> object:
    """Levels with everything that could end a word."""
    levels = ("plain", "two words", "O'Brien", 'say "so"', "#1", "a,b", "tab\there", "é")
    model = design(factor("g", levels, np.ones((16, 1)), term("Intercept")), rows=16)
    return fit(model, draws(model, chains=3, kept=40), "y ~ x + (1 | g)")


def test_the_files(tmp_path: Path) -> None:
    made = fit()
    folder = coda.export(made, tmp_path / "coda")
    assert sorted(p.name for p in folder.iterdir()) == [*(f"CODAchain{c}.txt" for c in range(1, 5)), "CODAindex.txt"]
    labels, stacked = parameters.all_names(made.arrays, made.outline), parameters.stack(made.arrays)
    index = [line.rsplit(" ", 2) for line in (folder / "CODAindex.txt").read_text().splitlines()]
    assert [row[0] for row in index] == list(labels)
    for c in range(4):
        rows = np.loadtxt(folder / f"CODAchain{c + 1}.txt")
        for k, (_, first, last) in enumerate(index):
            part = rows[int(first) - 1 : int(last)]
            np.testing.assert_array_equal(part[:, 0], np.arange(1, 501))
            np.testing.assert_allclose(part[:, 1], stacked[c, :, k], rtol=1e-11)
        assert len(rows) == int(index[-1][2])


def test_r_reads_them(tmp_path: Path) -> None:
    if not against_jags.has("coda"):
        pytest.skip("R's coda (Debian: r-cran-coda) is not here")
    for name, made in (("strange", strange()), ("model", models.stand_in("probit_crossed"))):
        folder = coda.export(made, tmp_path / name)
        chains = made.arrays.beta.shape[0]
        code = f"""
        suppressMessages(library(coda))
        read <- function(c) read.coda(sprintf("CODAchain%d.txt", c), "CODAindex.txt", quiet = TRUE)
        chains <- mcmc.list(lapply(1:{chains}, read))
        found <- summary(chains)$statistics
        write.csv(data.frame(name = rownames(found), mean = found[, "Mean"], sd = found[, "SD"], n = niter(chains)), "r.csv")
        """
        (folder / "read.R").write_text(code)
        done = subprocess.run(["Rscript", "read.R"], cwd=folder, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        found = pd.read_csv(folder / "r.csv", keep_default_na=False)
        stacked = parameters.stack(made.arrays).reshape(-1, len(found))
        expected = [n.replace('"', "'") for n in parameters.all_names(made.arrays, made.outline)]
        assert list(found["name"]) == expected
        assert (found["n"] == made.arrays.beta.shape[1]).all()
        np.testing.assert_allclose(found["mean"], stacked.mean(axis=0), rtol=1e-9, atol=1e-10)
        np.testing.assert_allclose(found["sd"], stacked.std(axis=0, ddof=1), rtol=1e-9, atol=1e-10)


def test_some_parameters(tmp_path: Path) -> None:
    folder = coda.export(fit(), tmp_path / "coda", ["sd_*", "x"])
    names = [line.split()[0] for line in (folder / "CODAindex.txt").read_text().splitlines()]
    assert names == ["b_x", "sd_province__Intercept", "sd_province__x"]


def test_mistakes_leave_nothing_behind(tmp_path: Path) -> None:
    made = fit()
    with pytest.raises(SpecError, match=r"no parameter 'sd_provnce__x'.*Did you mean 'sd_province__x'"):
        coda.export(made, tmp_path / "coda", ["sd_provnce__x"])
    assert not list(tmp_path.iterdir())
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("mine")
    with pytest.raises(OutputError, match="not empty"):
        coda.export(made, tmp_path / "mine")
    coda.export(made, tmp_path / "mine", force=True)
    assert (tmp_path / "mine" / "letter.txt").read_text() == "mine" and (tmp_path / "mine" / "CODAindex.txt").exists()
    assert {p.name for p in tmp_path.iterdir()} == {"mine"}
