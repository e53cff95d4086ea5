"""What a job's draws are worth, and whether they are of the same posterior as ours: ``python -m benchmarks.suite.appraise JOB REFERENCE``.

Effective sizes are those of Vehtari et al. (2021) over every parameter, coefficients to effects of levels, by the same code for every
engine. Means and the 5 % and 95 % quantiles of every parameter are compared with a long run of ours in units of both Monte Carlo errors;
the errors are themselves estimated from as many effective draws as there are, so differences are judged by a t law with ESS/10 degrees
of freedom, and the level of 10⁻⁴ is shared by all that is compared (Bonferroni). Fewer than 100 effective draws say too little.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

LEVEL = 1e-4
FEW = 100.0
AGREES, DIFFERS, FEW_DRAWS, OTHER_PRIORS, NO_REFERENCE = "agrees", "DIFFERS", "too few draws to tell", "other priors", ""
QUANTILES = (0.05, 0.95)


def chains_first(draws: np.ndarray) -> np.ndarray:
    """(chain, draw, parameter)."""
    return draws[None] if draws.ndim == 2 else draws


def statistics(draws: np.ndarray) -> dict[str, np.ndarray]:
    """What is compared, and the sizes: arrays by parameter; ``value`` and ``error`` are (3, parameter): mean, 5 %, 95 %."""
    from gibbs.draws import diagnostics

    bulk, tail = diagnostics.ess_bulk(draws), diagnostics.ess_tail(draws)
    flat = draws.reshape(-1, draws.shape[2])
    value = np.vstack([flat.mean(axis=0), np.quantile(flat, QUANTILES, axis=0)])
    error = np.vstack([diagnostics.mcse_mean(draws), *(diagnostics.mcse_quantile(draws, p) for p in QUANTILES)])
    return {"bulk": bulk, "tail": tail, "value": value, "error": error, "sd": flat.std(axis=0, ddof=1), "rhat": diagnostics.rhat(draws)}


def agreement(ours: dict[str, np.ndarray], theirs: dict[str, np.ndarray], names: list[str]) -> tuple[str, str, float]:
    """(in a word, the parameter and statistic that differ most, by how many combined errors)."""
    from scipy import stats

    sizes = np.minimum(np.minimum(ours["bulk"], ours["tail"]), np.minimum(theirs["bulk"], theirs["tail"]))
    error = np.hypot(ours["error"], theirs["error"])
    apart = np.abs(ours["value"] - theirs["value"])
    z = np.where(apart > 1e-12 * (1.0 + np.abs(ours["value"])), apart / np.where(error > 0, error, np.nan), 0.0)
    z = np.where(np.isfinite(z), z, np.where(apart > 1e-9 * (1.0 + np.abs(ours["value"])), np.inf, 0.0))
    p = 2.0 * stats.t.sf(z, df=np.maximum(np.nan_to_num(sizes, nan=10.0) / 10.0, 1.0))
    k, j = np.unravel_index(int(np.argmin(p)), p.shape)
    what = f"{names[j]}, {('mean', '5 %', '95 %')[k]}"
    if not float(np.nanmin(sizes)) >= FEW:
        return (DIFFERS if p[k, j] * p.size < LEVEL else FEW_DRAWS), what, float(z[k, j])
    return (DIFFERS if p[k, j] * p.size < LEVEL else AGREES), what, float(z[k, j])


def of_draws(folder: Path, reference: dict[str, Any] | None, priors: str, null: bool) -> dict[str, Any]:
    """The columns of a row that come from draws."""
    draws = chains_first(np.load(folder / "draws.npy"))
    names: list[str] = json.loads((folder / "names.json").read_text(encoding="utf-8"))
    found = json.loads((folder / "found.json").read_text(encoding="utf-8"))
    mine = statistics(draws)
    k, t = int(np.nanargmin(mine["bulk"])), int(np.nanargmin(mine["tail"]))
    least = min(float(mine["bulk"][k]), float(mine["tail"][t]), float(found.get("ess_not_stored", np.inf)))
    shown = [j for j, name in enumerate(names) if not name.startswith("r_")]
    row: dict[str, Any] = {
        "kept": draws.shape[0] * draws.shape[1],
        "parameters": len(names) + int(found.get("not_stored", 0)),
        "bulk_least": figure(mine["bulk"][k]),
        "bulk_least_of": names[k],
        "bulk_median": figure(np.nanmedian(mine["bulk"])),
        "tail_least": figure(mine["tail"][t]),
        "tail_least_of": names[t],
        "tail_median": figure(np.nanmedian(mine["tail"])),
        "rhat_worst": f"{np.nanmax(mine['rhat']):.4f}",
        "means": json.dumps({names[j]: float(f"{mine['value'][0, j]:.5g}") for j in shown}),
        "sds": json.dumps({names[j]: float(f"{mine['sd'][j]:.4g}") for j in shown}),
    }
    if found["sampling"] > 0:
        row["ess_per_s"] = figure(least / found["sampling"])
        row["s_to_400"] = figure(found["setup"] + found["compile"] + found["warmup"] + 400.0 * found["sampling"] / least)
    if null or reference is None:
        return row
    both = [j for j, name in enumerate(names) if name in reference["at"]]
    theirs = [reference["at"][names[j]] for j in both]
    if not both:
        return row | {"agreement": DIFFERS, "differs_most": "no parameter has a name of ours"}
    word, what, z = agreement(
        {key: reference[key][..., theirs] for key in mine}, {key: value[..., both] for key, value in mine.items()}, [names[j] for j in both]
    )
    if len(both) < len(reference["at"]) and not found.get("not_stored"):
        missing = next(name for name in reference["at"] if name not in names)
        return row | {"agreement": DIFFERS, "differs_most": f"{len(reference['at']) - len(both)} parameters missing, {missing}"}
    if priors and word == DIFFERS:
        word = OTHER_PRIORS
    return row | {"agreement": word, "differs_most": what, "z": f"{z:.2f}"}


def of_estimates(folder: Path, reference: dict[str, Any] | None) -> dict[str, Any]:
    """The columns of a row of point estimates: how far the fixed effects are from our posterior means, in posterior sds."""
    estimates: dict[str, float] = json.loads((folder / "estimates.json").read_text(encoding="utf-8"))
    row: dict[str, Any] = {"parameters": len(estimates), "means": json.dumps({n: float(f"{v:.5g}") for n, v in estimates.items()})}
    if reference is None:
        return row
    off = {
        name: abs(value - reference["value"][0, reference["at"][name]]) / reference["sd"][reference["at"][name]]
        for name, value in estimates.items()
        if name in reference["at"] and name.startswith("b_")
    }
    if not off:
        return row
    worst = max(off, key=off.__getitem__)
    return row | {"agreement": "point estimate", "differs_most": f"{worst}, {off[worst]:.2f} posterior sds"}


def figure(value: float) -> str:
    """Four digits."""
    return f"{float(value):.4g}"


def load_reference(path: Path) -> dict[str, Any] | None:
    """A reference as it was written, with the place of every name in ``at``."""
    if not path.exists():
        return None
    with np.load(path, allow_pickle=False) as held:
        found: dict[str, Any] = {key: held[key] for key in held.files}
    found["at"] = {str(name): j for j, name in enumerate(found.pop("names"))}
    return found


def make_reference(folder: Path, path: Path) -> None:
    """The long run of ours in ``folder`` as a reference."""
    draws = chains_first(np.load(folder / "draws.npy"))
    names = json.loads((folder / "names.json").read_text(encoding="utf-8"))
    np.savez(path, names=np.array(names), **statistics(draws))


def main(folder: Path, reference: Path) -> None:
    job = json.loads((folder / "job.json").read_text(encoding="utf-8"))
    if job.get("reference"):
        make_reference(folder, reference)
        return
    held = load_reference(reference)
    if (folder / "draws.npy").exists():
        row = of_draws(folder, held, job["priors"], job["gives"] == "null")
    else:
        row = of_estimates(folder, held)
    (folder / "appraised.json").write_text(json.dumps(row), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
