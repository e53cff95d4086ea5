"""Exact, fast Gibbs sampling for multilevel models."""

from __future__ import annotations

from importlib import import_module
from typing import Any

__version__ = "0.1.0"
__all__ = [
    "DataError",
    "Fit",
    "FormulaError",
    "GibbsError",
    "SamplingError",
    "SpecError",
    "check",
    "compare",
    "fit",
    "load",
    "sbc",
    "tables",
]

_WHERE = {
    "fit": "gibbs.api",
    "check": "gibbs.api",
    "sbc": "gibbs.api",
    "load": "gibbs.posterior.fit",
    "compare": "gibbs.criticism.comparison",
    "tables": "gibbs.summaries.tables",
    "Fit": "gibbs.posterior.fit",
    "GibbsError": "gibbs.errors",
    "SpecError": "gibbs.errors",
    "FormulaError": "gibbs.errors",
    "DataError": "gibbs.errors",
    "SamplingError": "gibbs.errors",
}


def __getattr__(name: str) -> Any:
    """Heavy modules load when their names are first used."""
    if name in _WHERE:
        return getattr(import_module(_WHERE[name]), name)
    raise AttributeError(f"module 'gibbs' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted([*globals(), *_WHERE])
