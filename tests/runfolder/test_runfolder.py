"""The run folder: whole or not at all, never over anybody's files, and read back as it was."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from gibbs.errors import OutputError
from gibbs.model import spec as specs
from gibbs.posterior.fit import Fit, load
from gibbs.runfolder import runfolder
from tests.posterior import built
from tests.posterior.fabricated import design, draws, factor, fit, slopes, term

FILES = {"spec.yaml", "manifest.json", "summary.csv", "ranef.csv", "posterior.nc"}


def _names(folder: Path) -> set[str]:
    return {entry.name for entry in folder.iterdir()}


def _several() -> Fit:
    """Two factors, awkward names and labels."""
    Z = np.column_stack((np.ones(12), np.linspace(0, 1, 12)))
    model = design(
        factor("school:class", ("Ñ_1", "b_'2'", "c,d"), Z, term("Intercept"), term("I(x/2)")),
        factor("year", ("1972", "2018"), Z[:, :1], term("Intercept")),
        family="student",
        coefficients=("Intercept", "I(x/2)"),
        outcome="log(y/2)",
        rows_read=20,
        dropped={"x": 8},
        notes=("something was noticed",),
    )
    return fit(model, replace(draws(model), stopped="interrupted"), "log(y) ~ I(x/2) + (x || school:class) + (1 | year)")


def _grouped() -> Fit:
    """Student-t effects whose covariance differs by groups of levels."""
    frame = built.table()
    formula = 'y ~ x + (1 + b | gr(g, by = t, dist = "student")) + (1 | year)'
    made = built.fit(formula, frame.assign(t=np.where(frame["g"] == "g2", "Ñ, 1", "b")))
    return Fit(made.spec, made.design, made.arrays, plan=made.plan, source="data/peru.csv", fingerprint="0" * 64)


@pytest.mark.parametrize("make", [fit, _several, _grouped, lambda: fit(design(family="probit"), formula="y ~ x")])
def test_round_trip(tmp_path: Path, make: object) -> None:
    before = make()  # type: ignore[operator]
    folder = before.save(tmp_path / "runs" / "one")
    assert folder == (tmp_path / "runs" / "one").resolve() and _names(folder) == FILES
    assert _names(folder.parent) == {"one"}
    after = load(folder)
    for name in ("beta", "hyper", "u", "lp"):
        np.testing.assert_array_equal(getattr(after.arrays, name), getattr(before.arrays, name), err_msg=name)
    for name in ("hyper_names", "u_offsets", "warmup", "seconds_warmup", "seconds_sampling", "stopped"):
        assert getattr(after.arrays, name) == getattr(before.arrays, name), name
    assert specs.same(after.spec, before.spec)
    assert (after.source, after.fingerprint) == (before.source, before.fingerprint)
    assert repr(after) == repr(before) and after.convergence == before.convergence
    for accessor in ("summary", "varcorr", "variance_shares", "fixef", "se_fixef"):
        assert getattr(after, accessor)().equals(getattr(before, accessor)()), accessor
    for accessor in ("ranef", "coef", "se_ranef"):
        found, expected = getattr(after, accessor)(), getattr(before, accessor)()
        assert list(found) == list(expected) and all(found[name].equals(expected[name]) for name in found), accessor
    assert after.plan.lines == before.plan.lines and after.plan.as_dict() == {"scheme": "joint", "cells": 3}
    assert after.draws.identical(before.draws)
    again = after.save(tmp_path / "again")  # a loaded fit can be saved as any other
    assert load(again).draws.identical(before.draws)


def test_xarray_and_arviz_read_the_draws(tmp_path: Path) -> None:
    import xarray as xr

    made = _several()
    folder = made.save(tmp_path / "run")
    with xr.open_datatree(folder / "posterior.nc") as tree:
        effects = tree["posterior"]["r_school:class"]
        assert effects.dims == ("chain", "draw", "school:class_level", "school:class_term")
        assert effects["school:class_level"].to_numpy().tolist() == ["Ñ_1", "b_'2'", "c,d"]
        np.testing.assert_array_equal(tree["posterior"]["b_I(x÷2)"], made.arrays.beta[:, :, 1])
        assert tree["posterior"]["b_I(x÷2)"].attrs["parameter"] == "b_I(x/2)"
        np.testing.assert_array_equal(tree["observed_data"]["log(y÷2)"], made.design.y)
    arviz_base = pytest.importorskip("arviz_base")
    read = arviz_base.convert_to_datatree(str(folder / "posterior.nc"))
    np.testing.assert_array_equal(read["sample_stats"]["lp"], made.arrays.lp)
    read.close()


def test_the_tables(tmp_path: Path) -> None:
    made = fit()
    folder = made.save(tmp_path / "run")
    summary = pd.read_csv(folder / "summary.csv")
    assert list(summary.columns) == ["parameter", "mean", "sd", "q2.5", "q50", "q97.5", "mcse_mean", "ess_bulk", "ess_tail", "rhat"]
    assert summary["parameter"].tolist() == made.summary().index.tolist()
    np.testing.assert_allclose(summary.iloc[:, 1:], made.summary(), rtol=1e-7)
    ranef = pd.read_csv(folder / "ranef.csv", dtype={"level": str})
    assert list(ranef.columns)[:8] == ["group", "level", "term", "mean", "sd", "q2.5", "q50", "q97.5"]
    assert ranef["level"].tolist() == ["21801", "21801", "21802", "21802", "40107", "40107"]
    np.testing.assert_allclose(ranef["mean"], made.ranef()["province"].to_numpy().ravel(), rtol=1e-7)


def test_the_manifest(tmp_path: Path) -> None:
    made = fit(replace(slopes(), rows_read=20, dropped={"x": 8}), timings={"read": 0.1, "design": 0.2, "compile": 0.0})
    manifest = json.loads((made.save(tmp_path / "run") / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["seed"] == 2012
    assert {"gibbs", "python", "numpy", "numba"} <= set(manifest["versions"])
    assert manifest["versions"]["numpy"] == np.__version__
    assert manifest["data"] == {
        "source": "data/peru.csv",
        "fingerprint": "0" * 64,
        "rows_read": 20,
        "rows_outside_subset": 0,
        "rows_used": 12,
        "rows_dropped": 8,
        "missing_by_column": {"x": 8},
    }
    assert {"read", "design", "compile", "warmup", "sampling", "write"} <= set(manifest["timings"])
    assert all(manifest["timings"][stage] >= 0 for stage in ("read", "design", "compile", "warmup", "sampling", "write"))
    assert manifest["timings"]["sampling_by_chain"] == [0.5] * 4 and manifest["timings"]["warmup_by_chain"] == [0.25] * 4
    assert manifest["plan"]["scheme"] == "joint" and manifest["plan"]["lines"]
    assert manifest["convergence"]["ok"] is True and manifest["convergence"]["worst"] in repr(made)
    assert manifest["stopped"] == ""
    assert manifest["sampler"] == {"acceptance": 0.25, "evaluations": [0, 1, 2]}


def test_the_spec_beside_the_draws_is_the_resolved_one(tmp_path: Path) -> None:
    made = fit()
    assert specs.same(specs.load(made.save(tmp_path / "run") / "spec.yaml"), made.spec)


def test_a_run_is_not_overwritten_silently(tmp_path: Path) -> None:
    made = fit()
    folder = made.save(tmp_path / "run")
    before = (folder / "manifest.json").read_bytes()
    with pytest.raises(OutputError, match="--force"):
        made.save(folder)
    assert (folder / "manifest.json").read_bytes() == before and _names(tmp_path) == {"run"}


def test_force_replaces_the_run_and_keeps_what_else_is_there(tmp_path: Path) -> None:
    folder = fit().save(tmp_path / "run")
    (folder / "notes.txt").write_text("mine")
    (folder / "plots").mkdir()
    (folder / "plots" / "a.png").write_bytes(b"picture")
    other = fit(made=draws(slopes(), seed=9))
    other.save(folder, force=True)
    np.testing.assert_array_equal(load(folder).arrays.beta, other.arrays.beta)
    assert (folder / "notes.txt").read_text() == "mine" and (folder / "plots" / "a.png").read_bytes() == b"picture"
    assert _names(folder) == FILES | {"notes.txt", "plots"} and _names(tmp_path) == {"run"}


@pytest.mark.parametrize("force", [False, True])
def test_a_folder_of_somebody_else_is_never_replaced(tmp_path: Path, force: bool) -> None:
    theirs = tmp_path / "thesis"
    theirs.mkdir()
    (theirs / "summary.csv").write_text("years of work")
    (theirs / "manifest.json").write_text('{"name": "a web application"}')
    with pytest.raises(OutputError, match="does not hold a run"):
        fit().save(theirs, force=force)
    assert (theirs / "summary.csv").read_text() == "years of work" and _names(tmp_path) == {"thesis"}


def test_an_empty_folder_is_used(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    assert _names(fit().save(tmp_path / "run")) == FILES


def test_a_file_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("a file")
    with pytest.raises(OutputError, match="a file of this name"):
        fit().save(tmp_path / "run", force=True)
    with pytest.raises(OutputError, match="is a file"):
        fit().save(tmp_path / "run" / "deeper")
    assert (tmp_path / "run").read_text() == "a file"


def test_the_current_folder_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(OutputError, match="folder you are in"):
        fit().save(".")


def test_a_link_to_a_folder_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "run").symlink_to(tmp_path / "disk")
    fit().save(tmp_path / "run")
    assert (tmp_path / "run").is_symlink() and _names(tmp_path / "disk") == FILES


@pytest.mark.parametrize("error", [KeyboardInterrupt(), OSError(28, "No space left on device")])
def test_nothing_half_written_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    def fail(*arguments: object) -> None:
        raise error

    made = fit()
    folder = made.save(tmp_path / "run")
    monkeypatch.setattr(runfolder, "write_netcdf", fail)
    expected = OutputError if isinstance(error, OSError) else KeyboardInterrupt
    with pytest.raises(expected):
        made.save(tmp_path / "new" / "deep" / "run")
    assert _names(tmp_path) == {"run"}
    with pytest.raises(expected):
        made.save(folder, force=True)
    assert _names(tmp_path) == {"run"} and _names(folder) == FILES
    np.testing.assert_array_equal(load(folder).arrays.u, made.arrays.u)


def test_checking_creates_nothing(tmp_path: Path) -> None:
    assert runfolder.check_target(tmp_path / "a" / "b") == (tmp_path / "a" / "b").resolve()
    assert _names(tmp_path) == set()


def test_loading_what_is_not_a_run(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="no such folder"):
        load(tmp_path / "nowhere")
    with pytest.raises(OutputError, match="not a run folder"):
        load(tmp_path)
    folder = fit().save(tmp_path / "run")
    (folder / "posterior.nc").write_bytes(b"not NetCDF")
    with pytest.raises(OutputError, match="damaged"):
        load(folder)
    (folder / "posterior.nc").unlink()
    with pytest.raises(OutputError, match=r"posterior\.nc is missing"):
        load(folder)
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps(manifest | {"gibbs_run": 99}))
    with pytest.raises(OutputError, match="format 99"):
        load(folder)


def test_draws_that_are_not_finite_can_be_written(tmp_path: Path) -> None:
    made = fit()
    made.arrays.u[0, 0, 0] = np.inf
    made.arrays.lp[:] = np.nan
    after = load(made.save(tmp_path / "run"))
    assert after.arrays.u[0, 0, 0] == np.inf and not after.convergence.ok


def test_writing_needs_no_slow_import(tmp_path: Path) -> None:
    """xarray and ArviZ take longer to import than a small model takes to fit."""
    code = (
        "import sys; from pathlib import Path; from tests.posterior.fabricated import fit; made = fit(); made.show(); "
        "made.save(Path(sys.argv[1])); slow = {'xarray', 'arviz_base', 'arviz_stats', 'scipy.stats', 'matplotlib'}; "
        "print(sorted(slow & set(sys.modules)))"
    )
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path / "run")], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_show_of_a_loaded_fit_reads_as_that_of_the_run(tmp_path: Path) -> None:
    made, out, again = fit(), io.StringIO(), io.StringIO()
    made.show(out)
    load(made.save(tmp_path / "run")).show(again)
    assert out.getvalue() == again.getvalue()


@pytest.mark.parametrize("damage", ["plan", "data", "timings", "data.source", "posterior.nc", "half", "zeros", "list"])
def test_damage_is_said_in_our_own_words(damage: str, tmp_path: Path) -> None:
    """Parts of the manifest that are gone, draws cut short or overwritten: one sentence, without those of h5py or json."""
    folder = fit().save(tmp_path / "run")
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    raw = (folder / "posterior.nc").read_bytes()
    if damage in ("plan", "data", "timings"):
        del manifest[damage]
    elif damage == "data.source":
        del manifest["data"]["source"]
    elif damage == "list":
        manifest = manifest | {"timings": [1, 2], "data": 3, "plan": "words"}
    else:
        changed = {"posterior.nc": b"no draws", "half": raw[: len(raw) // 2], "zeros": raw[:2000] + bytes(len(raw) - 2000)}[damage]
        (folder / "posterior.nc").write_bytes(changed)
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    with pytest.raises(OutputError) as error:
        load(folder)
    assert "damaged" in error.value.message and "Run the spec again" in error.value.message
    assert not any(word in str(error.value) for word in ("h5", "HDF", "KeyError", "synchron", "object", "errno", "dtype"))
