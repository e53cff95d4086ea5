"""The draws as one NetCDF file in ArviZ' layout, with log_likelihood, log_prior and posterior_predictive as far as the model has them.

``posterior.nc`` of a run folder has them where ``store:`` asked for them; this file is made from any run afterwards.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from gibbs.errors import SpecError
from gibbs.files import whole

if TYPE_CHECKING:
    from gibbs.posterior.fit import Fit


def export(fit: Fit, path: str | Path, wanted: Sequence[str] | None = None, *, force: bool = False) -> Path:
    """Write the file; gives the absolute path. OutputError where it is there (unless ``force``), and where the data of the run are gone."""
    if wanted is not None:
        raise SpecError("parameters picks columns of a table; a NetCDF file has all of them.", where="export")
    target = whole.check_file(path, force=force)
    return whole.write_file(target, lambda file: fit.write_netcdf(file, "all"), force=force)
