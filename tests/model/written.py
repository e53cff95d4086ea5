"""Specs written to a file, and what is said of those that are refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from gibbs.errors import SpecError
from gibbs.model import spec

FULL = """\
    title: Presidential approval in Peru, M.5
    data:
      file: data/peru.csv
      rename: {approval: president.approval}
      na: [-99, refused]
      missing: error
    family: binomial
    link: probit
    formula: approval ~ indigenous * illiteracy + (1 + indigenous | province)
    priors:
      b: normal(0, 10)
      b[illiteracy]: normal(0, 5)
      sd[province]: half_t(3, 0, 2.5)
      sd[province,indigenous]: 0.5
      cor[province]: lkj(2)
    sampling: {chains: 2, seed: 2012, warmup: 300, draws: 700, scheme: one-at-a-time, cores: 1,
               until: {ess: 400, rhat: 1.05, max_seconds: 60}}
    output: runs/peru_m5
    """


def refused(path: Path, **overrides: object) -> str:
    """The message of the SpecError that loading gives, with the folder taken out."""
    with pytest.raises(SpecError) as caught:
        spec.load(path, overrides)
    return str(caught.value).replace(f"{path.parent}/", "")
