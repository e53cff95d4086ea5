"""Exact, fast Gibbs sampling for multilevel models."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from gibbs.version import __version__ as __version__

if TYPE_CHECKING:  # what type checkers and editors read; at run time a module loads when its names are first used
    from gibbs.api import check, cross_validate, fit, prior_predictive, sbc, simulate_study
    from gibbs.calibration.cross_validation import CrossValidation
    from gibbs.calibration.sbc import Calibration
    from gibbs.calibration.study import Study
    from gibbs.criticism.comparison import Comparison, compare
    from gibbs.errors import (
        ClusterError,
        DataError,
        FormulaError,
        GibbsError,
        NotConvergedWarning,
        NotKeptError,
        OutputError,
        PlotError,
        SamplingError,
        SpecError,
    )
    from gibbs.model.records import Prior, Spec, Until
    from gibbs.posterior.fit import Fit, load
    from gibbs.preview import Check
    from gibbs.resuming.calls import resume, runs, verify
    from gibbs.summaries.tables import tables

__all__ = [
    "Calibration",
    "Check",
    "ClusterError",
    "Comparison",
    "CrossValidation",
    "DataError",
    "Fit",
    "FormulaError",
    "GibbsError",
    "NotConvergedWarning",
    "NotKeptError",
    "OutputError",
    "PlotError",
    "Prior",
    "SamplingError",
    "Spec",
    "SpecError",
    "Study",
    "Until",
    "check",
    "compare",
    "cross_validate",
    "fit",
    "load",
    "prior_predictive",
    "resume",
    "runs",
    "sbc",
    "simulate_study",
    "tables",
    "verify",
]

_WHERE = {
    "Calibration": "gibbs.calibration.sbc",
    "Check": "gibbs.preview",
    "ClusterError": "gibbs.errors",
    "Comparison": "gibbs.criticism.comparison",
    "CrossValidation": "gibbs.calibration.cross_validation",
    "DataError": "gibbs.errors",
    "Fit": "gibbs.posterior.fit",
    "FormulaError": "gibbs.errors",
    "GibbsError": "gibbs.errors",
    "NotConvergedWarning": "gibbs.errors",
    "NotKeptError": "gibbs.errors",
    "OutputError": "gibbs.errors",
    "PlotError": "gibbs.errors",
    "Prior": "gibbs.model.records",
    "SamplingError": "gibbs.errors",
    "Spec": "gibbs.model.records",
    "SpecError": "gibbs.errors",
    "Study": "gibbs.calibration.study",
    "Until": "gibbs.model.records",
    "check": "gibbs.api",
    "compare": "gibbs.criticism.comparison",
    "cross_validate": "gibbs.api",
    "fit": "gibbs.api",
    "load": "gibbs.posterior.fit",
    "prior_predictive": "gibbs.api",
    "resume": "gibbs.resuming.calls",
    "runs": "gibbs.resuming.calls",
    "sbc": "gibbs.api",
    "simulate_study": "gibbs.api",
    "tables": "gibbs.summaries.tables",
    "verify": "gibbs.resuming.calls",
}


if not TYPE_CHECKING:  # a checker that saw it would take every name for one of ours

    def __getattr__(name: str) -> Any:
        """Heavy modules load when their names are first used."""
        if name in _WHERE:
            return getattr(import_module(_WHERE[name]), name)
        raise AttributeError(f"module 'gibbs' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted([*globals(), *_WHERE])
