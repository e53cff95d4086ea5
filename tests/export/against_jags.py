"""Running an export in JAGS and setting the two posteriors side by side."""

from __future__ import annotations

import shutil
import subprocess
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from gibbs.draws import diagnostics
from gibbs.export import jags
from gibbs.posterior import parameters
from gibbs.posterior.fit import Fit

ABSENT = "JAGS through R (Debian: jags, r-cran-rjags) is not here"


@cache
def has(*packages: str) -> bool:
    """Whether Rscript is here and loads these packages."""
    if shutil.which("Rscript") is None:
        return False
    code = "; ".join(f"library({package})" for package in packages)
    return subprocess.run(["Rscript", "-e", code], capture_output=True, timeout=120).returncode == 0


def need_jags() -> None:
    if not has("rjags", "coda"):
        pytest.skip(ABSENT)


def run(fit: Fit, folder: Path, iterations: int, burn_in: int, thin: int = 1) -> tuple[dict[str, np.ndarray], pd.DataFrame]:
    """Export, run the script as a person would: JAGS' draws (chain, draw) by our names, and its own comparison."""
    jags.export(fit, folder)
    done = subprocess.run(
        ["Rscript", "run.R", str(iterations), str(burn_in), str(thin)], cwd=folder, capture_output=True, text=True, timeout=3000
    )
    assert done.returncode == 0, done.stderr
    table = pd.read_csv(folder / "draws.csv")
    chains = int(table[".chain"].max())
    draws = {str(name): table[name].to_numpy().reshape(chains, -1) for name in table.columns if not str(name).startswith(".")}
    return draws, pd.read_csv(folder / "compare.csv").set_index("parameter")


def table(fit: Fit, theirs: dict[str, np.ndarray]) -> pd.DataFrame:
    """mean and sd of both, ESS of JAGS, and z: the difference of the means in combined Monte Carlo standard errors."""
    names = list(theirs)
    known = {name: i for i, name in enumerate(parameters.all_names(fit.arrays, fit.outline))}
    ours = diagnostics.diagnose(parameters.stack(fit.arrays)[:, :, [known[name] for name in names]])
    found = diagnostics.diagnose(np.stack([theirs[name] for name in names], axis=2))
    error = np.hypot(ours.mcse_mean, found.mcse_mean)
    difference = ours.mean - found.mean
    z = np.where(error > 0, difference / np.where(error > 0, error, 1.0), np.where(np.abs(difference) < 1e-9, 0.0, np.inf))
    columns = {"mean": ours.mean, "jags": found.mean, "sd": ours.sd, "jags_sd": found.sd, "ess": found.ess_bulk, "rhat": found.rhat, "z": z}
    return pd.DataFrame(columns, index=pd.Index(names, name="parameter"))


def assert_equal(found: pd.DataFrame) -> None:
    """Means within 4 combined standard errors; random effects, of which there are hundreds, within 5. JAGS has converged."""
    effects = found.index.str.startswith("r_")
    moving = found["sd"] > 0
    assert (found["rhat"][moving] < 1.05).all(), found[moving].sort_values("rhat").tail(5).to_string()
    assert (found["z"][~effects].abs() < 4.0).all(), found[~effects].to_string()
    assert (found["z"][effects].abs() < 5.0).all(), found[effects].sort_values("z").to_string()
