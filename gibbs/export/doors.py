"""The doors by name: what ``gibbs export RUN --to NAME`` and ``fit.export(NAME, …)`` may say."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from gibbs.errors import SpecError, nearest

if TYPE_CHECKING:
    from gibbs.posterior.fit import Fit

DRAWS = {"csv": ("tidy", "csv"), "parquet": ("tidy", "parquet"), "netcdf": ("netcdf", "export"), "coda": ("coda", "export")}
MODELS = {"jags": ("jags", "export"), "stan": ("stan", "export")}
NAMES = (*DRAWS, *MODELS)


def export(fit: Fit, to: str, out: str | Path, parameters: Sequence[str] | None = None, *, force: bool = False) -> Path:
    """Write ``fit`` for the program or format ``to`` at ``out``; gives the absolute path.

    csv, parquet, netcdf : a file of draws. coda : a folder of draws. jags, stan : a folder with the model, its data and a script;
    ``parameters`` is for csv, parquet and coda. Raises SpecError for a name that is none, OutputError where ``out`` is not free or the
    model cannot be written.
    """
    if to not in NAMES:
        raise SpecError(f"there is no export to '{to}'; there is {', '.join(NAMES)}.{nearest(to, NAMES)}", where="export")
    if to in MODELS:
        if parameters is not None:
            raise SpecError(f"parameters picks draws; an export to {to} writes the whole model.", where="export")
        module, name = MODELS[to]
        return getattr(import_module(f"gibbs.export.{module}"), name)(fit, out, force=force)
    module, name = DRAWS[to]
    return getattr(import_module(f"gibbs.export.{module}"), name)(fit, out, parameters, force=force)
