"""posterior.nc in ArviZ 1.x: opened, summarised and plotted. It needs Python 3.12, so another interpreter may be named for it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

from tests.posterior.fabricated import fit

SCRIPT = """
import json, sys, warnings
import matplotlib; matplotlib.use("Agg")
import arviz as az, xarray as xr
path = sys.argv[1]
tree = xr.open_datatree(path)
read = az.from_netcdf(path)
assert isinstance(read, xr.DataTree) and {"posterior", "sample_stats", "observed_data", "constant_data"} <= set(read.children)
names = ["b_x", "sd_province__x", "cor_province__Intercept__x", "sigma"]
table = az.summary(read, var_names=names, round_to="none")
assert len(az.summary(read)) == 12
for plot in (az.plot_trace, az.plot_dist, az.plot_rank, az.plot_forest):
    plot(read, var_names=names, backend="matplotlib").savefig(sys.argv[2] + "/" + plot.__name__ + ".png")
az.plot_forest(read, var_names=["r_province"], backend="matplotlib").savefig(sys.argv[2] + "/effects.png")
first = {name: float(read.posterior["r_province"].sel(province_level="40107", province_term="x").mean()) for name in ["r"]}
print(json.dumps({"version": az.__version__, "table": table[["mean", "sd", "ess_bulk", "r_hat"]].T.to_dict(), **first}))
"""


def interpreter() -> str:
    """A Python with ArviZ 1.x: this one, or the one that GIBBS_ARVIZ_PYTHON names."""
    named = os.environ.get("GIBBS_ARVIZ_PYTHON")
    if named:
        return named
    try:
        found = metadata.version("arviz")
    except metadata.PackageNotFoundError:
        found = "0"
    if int(found.split(".")[0]) < 1:
        pytest.skip("ArviZ 1.x is not in this environment (it needs Python 3.12); GIBBS_ARVIZ_PYTHON may name an interpreter that has it")
    return sys.executable


def test_arviz_opens_summarises_and_plots(tmp_path: Path) -> None:
    made = fit()
    folder = made.save(tmp_path / "run")
    done = subprocess.run(
        [interpreter(), "-c", SCRIPT, str(folder / "posterior.nc"), str(tmp_path)], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["version"].startswith("1.")
    ours = made.summary()
    for name, row in found["table"].items():
        expected = ours.loc[name]
        assert row["mean"] == pytest.approx(expected["mean"], rel=1e-9) and row["sd"] == pytest.approx(expected["sd"], rel=1e-9)
        assert row["ess_bulk"] == pytest.approx(expected["ess_bulk"], rel=0.01) and row["r_hat"] == pytest.approx(
            expected["rhat"], abs=1e-3
        )
    assert found["r"] == pytest.approx(made.arrays.u[:, :, 5].mean(), rel=1e-9)
    for picture in ("plot_trace", "plot_dist", "plot_rank", "plot_forest", "effects"):
        assert (tmp_path / f"{picture}.png").stat().st_size > 2000
