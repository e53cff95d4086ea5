"""A problem of one size, written down once for all engines: ``python -m benchmarks.suite.prepare PROBLEM ROWS SEED FOLDER``.

The table is simulated or read, this package makes its Design of it, and what the Design holds (columns, codes, priors) is written as plain
arrays. So no engine gains or loses by the way it encodes a table, and every engine is told the same priors, in numbers:

- the intercept, with predictors at their means: normal(mean of y, 2.5 sd(y)); a coefficient: normal(0, 2.5 sd(y)/sd(x));
- the sd of a varying coefficient: half_t(3, 0, 2.5 sd(y)/sd(z)), with sd(z) = 1 for an intercept; sigma: half_t(3, 0, 2.5 sd(y));
- correlations: lkj(1). Where the outcome is no number of its own, sd(y) is 1 and the mean 0, on the scale of the link (for counts the
  log of the mean). Cutpoints: normal(0, 4) each, under their order, with predictors at their means.
"""

from __future__ import annotations

import json
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.suite import bugs
from benchmarks.suite.problems import PROBLEMS

if TYPE_CHECKING:
    from gibbs.export.program import Program
    from gibbs.model.records import Design


def rounded(value: float) -> float:
    """To three digits: priors that can be read."""
    return float(f"{value:.3g}")


def priors(design: Design) -> dict[str, str]:
    """The priors of a problem in the words of a spec."""
    counts = design.family in ("poisson", "negative_binomial")
    real = design.family in ("gaussian", "student")
    spread = float(design.y.std()) if real else 1.0
    centre = float(design.y.mean()) if real else float(np.log(design.y.mean())) if counts else 0.0
    found: dict[str, str] = {}
    if design.intercept is not None:
        found["intercept"] = f"normal({rounded(centre):g}, {rounded(2.5 * spread):g})"
    for j, name in enumerate(design.coefficients):
        if j != design.intercept:
            found[f"b[{name}]"] = f"normal(0, {rounded(2.5 * spread / _sd(design.X[:, j])):g})"
    for factor in design.factors:
        for j, column in enumerate(factor.columns):
            scale = 2.5 * spread / (1.0 if column == "Intercept" else _sd(factor.Z[:, j]))
            found[f"sd[{factor.name},{column}]"] = f"half_t(3, 0, {rounded(scale):g})"
        if len(factor.columns) > 1:
            found[f"cor[{factor.name}]"] = "lkj(1)"
    if real:
        found["sigma"] = f"half_t(3, 0, {rounded(2.5 * spread):g})"
    if design.categories:
        found["cutpoints"] = "normal(0, 4)"
    return found


def _sd(column: np.ndarray) -> float:
    return float(column.std()) or 1.0


def write(name: str, rows: int, seed: int, folder: Path) -> None:
    """Everything an engine needs, into ``folder``."""
    import gibbs
    from gibbs.export import program as programs

    problem = PROBLEMS[name]
    table, truth = problem.table(rows, seed)
    used = [column for column in table.columns if column in problem.formula]
    table = table[used]
    table.to_parquet(folder / "table.parquet", index=False)
    spec: dict[str, Any] = {"formula": problem.formula, "family": problem.family}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        design = gibbs.check(problem.formula, table, family=problem.family).design
        spec["priors"] = priors(design)
        design = gibbs.check(problem.formula, table, family=problem.family, priors=spec["priors"]).design
    program = programs.describe(design, problem.title, problem.formula)
    for key, value in program.data.items():
        if isinstance(value, np.ndarray):
            np.save(folder / f"{key}.npy", np.asfortranarray(value, dtype=np.int32 if value.dtype.kind in "iu" else np.float64))
    pairs = programs.name_pairs(program)
    (folder / "names.json").write_text(json.dumps([ours for ours, _ in pairs]), encoding="utf-8")
    (folder / "variables.json").write_text(json.dumps([theirs for _, theirs in pairs]), encoding="utf-8")
    bugs.write(program, folder)
    about = describe(program, design, sum(not ours.startswith("r_") for ours, _ in pairs))
    about |= {"name": name, "rows": len(design.y), "seed": seed, "truth": truth, "spec": spec, "starts": bugs.starts(program)}
    (folder / "problem.json").write_text(json.dumps(about), encoding="utf-8")


def describe(program: Program, design: Design, first: int) -> dict[str, Any]:
    """``problem.json``: the model without its arrays. first : the place of the first effect among all parameters."""
    effects = []
    for e in program.effects:
        name, columns = program.factors[e.factor], list(e.term.columns)
        effects.append(
            {
                "tag": e.tag,
                "levels": len(e.levels),
                "columns": columns,
                "index": e.index,
                "z": e.z,
                "sds": [[prior.kind, list(prior.args)] for prior in e.term.sd_priors],
                "eta": float(e.term.correlation.args[0]) if e.columns > 1 else 1.0,
                "sd_names": [f"sd_{name}__{column}" for column in columns],
                "correlation_names": [
                    [a, b, f"cor_{name}__{columns[a]}__{columns[b]}"] for a in range(len(columns)) for b in range(a + 1, len(columns))
                ],
                "first_effect": first,
            }
        )
        first += len(e.levels) * len(columns)
    return {
        "coefficients": [f"b_{c}" for c in program.coefficients],
        "intercept": design.intercept,
        "statements": [
            {"mean": float(s.row.mean), "scale": float(s.row.scale), "df": None if np.isinf(s.row.df) else float(s.row.df)}
            for s in program.statements
            if s.row is not None
        ],
        "centred": not program.single,
        "effects": effects,
        "own": {name: [prior.kind, list(prior.args)] for name, prior in program.own.items()},
        "cutpoint": [program.cutpoint.kind, list(program.cutpoint.args)] if program.cutpoint is not None else None,
        "categories": program.categories,
        "facts": {
            "family": program.family.name,
            "link": program.family.link,
            "structured": any(f.structure is not None for f in design.factors),
            "slopes": any(len(e.columns) > 1 for e in design.factors),
            "factors": len(design.factors),
            "levels": sum(len(f.levels) for f in design.factors),
            "glm": bool(program.family.glm),
            "trials": "trials" in program.data,
            "offset": "offset_" in program.data,
        },
    }


if __name__ == "__main__":
    where = Path(sys.argv[4])
    where.mkdir(parents=True, exist_ok=True)
    write(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), where)
