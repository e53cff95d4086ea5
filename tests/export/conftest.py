"""Every model written for JAGS and for Stan, once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from gibbs.export import jags, stan
from gibbs.posterior.fit import Fit
from tests.export import models


@dataclass(frozen=True)
class Written:
    fit: Fit
    jags: Path
    stan: Path


@pytest.fixture(scope="session")
def written(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Written]:
    root = tmp_path_factory.mktemp("exports")
    found = {}
    for name in models.MODELS:
        fit = models.stand_in(name)
        found[name] = Written(fit, jags.export(fit, root / name / "jags"), stan.export(fit, root / name / "stan"))
    return found
