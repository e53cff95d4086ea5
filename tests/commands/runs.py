"""Run folders made without sampling: a spec, its data, and draws that were made up."""

from __future__ import annotations

from pathlib import Path

from gibbs import pipeline
from gibbs.model import spec as specs
from gibbs.posterior.fit import Fit
from tests.export.models import data
from tests.posterior.fabricated import draws

SPEC = """\
title: Two levels
data: data.csv
family: {family}
formula: {formula}
sampling: {{chains: 2, warmup: 50, draws: 200, seed: 1}}
"""


def write(folder: Path, name: str = "one", formula: str = "y ~ x + (1 + x | g)", family: str = "gaussian") -> Path:
    """``folder/name``: a run of ``formula`` on ``folder/data.csv``."""
    if not (folder / "data.csv").exists():
        data().to_csv(folder / "data.csv", index=False)
    path = folder / f"{name}.yaml"
    path.write_text(SPEC.format(formula=formula, family=family), encoding="utf-8")
    spec = specs.load(path)
    prepared = pipeline.prepare(spec)
    fit = Fit(spec, prepared.design, draws(prepared.design, 2, 200), plan=prepared.plan, table=prepared.table)
    return fit.save(folder / name)
