"""The ArviZ layout of a posterior: groups of named variables with dimensions. One description, used by NetCDF and by ``Fit.draws``.

posterior: every coefficient, sd, correlation, sigma and nu is a variable (chain, draw) under its own name; the effects of factor g are
``r_g`` (chain, draw, g_level, g_term). sample_stats: lp. observed_data: the outcome (obs_id). constant_data: rows in each level.
posterior_predictive: ``ymis`` (chain, draw, ymis_row), the outcomes that are missing, where rows without one were kept.
Where they were asked for (``store:``): log_likelihood and posterior_predictive, under the name of the outcome (chain, draw, obs_id), and
log_prior, a variable a prior (chain, draw).
Effects that were summarised as they were drawn (``keep:``) are not in posterior; the group streamed has mean_g, sd_g, quantiles_g, ….
A name cannot hold "/" in NetCDF or in a DataTree, so ``b_I(x/2)`` is stored as ``b_I(x÷2)``; the attribute ``parameter`` keeps it as
written.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from gibbs.draws import names
from gibbs.draws.outline import Outline
from gibbs.draws.records import STREAMED_PROBABILITIES, Draws
from gibbs.draws.streams import Stream

MISSING_DIM = "ymis_row"
STATE = "chains.state"
"""The file of a run folder that holds where its chains ended (``gibbs.resuming.ended``)."""


@dataclass(frozen=True)
class Variable:
    """One array with its dimensions; ``data`` is numeric, made as it is written, or a sequence of words for a coordinate of labels."""

    dims: tuple[str, ...]
    data: Any
    attributes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Group:
    """Variables and their coordinates; a coordinate has the name of its dimension."""

    variables: Mapping[str, Variable]
    coordinates: Mapping[str, Variable]
    attributes: Mapping[str, Any] = field(default_factory=dict)


def stored_name(name: str) -> str:
    """A name as NetCDF can hold it."""
    return name.replace("/", "÷")


def level_dim(factor: str) -> str:
    """``province_level``."""
    return stored_name(f"{factor}_level")


def term_dim(factor: str) -> str:
    """``province_term``."""
    return stored_name(f"{factor}_term")


def groups(
    draws: Draws,
    outline: Outline,
    observed: tuple[np.ndarray, np.ndarray] | None = None,
    missing: tuple[np.ndarray, np.ndarray] | None = None,
    further: Mapping[str, Mapping[str, tuple[Any, ...]]] | None = None,
) -> dict[str, Group]:
    """The groups of one posterior. No array is copied.

    observed : the outcome and the 1-based numbers of the rows it comes from. missing : the rows without, and draws (chain, draw, row).
    further : variables (dimensions, numbers, attributes) of the groups that were asked for, of the draws and the rows of ``observed``.
    """
    from gibbs.version import __version__

    chains, kept = draws.beta.shape[:2]
    sampled = {"chain": Variable(("chain",), np.arange(chains)), "draw": Variable(("draw",), np.arange(kept))}
    posterior = {
        stored_name(name): Variable(("chain", "draw"), draws.beta[:, :, i], {"parameter": name})
        for i, name in enumerate(names.coefficient_names(outline))
    }
    for i, name in enumerate(draws.hyper_names):
        posterior[stored_name(name)] = Variable(("chain", "draw"), draws.hyper[:, :, i], {"parameter": name})
    labels: dict[str, Variable] = {}
    sizes: dict[str, Variable] = {}
    streamed: dict[str, Variable] = {}
    for factor, start in zip(outline.factors, draws.u_offsets, strict=False):
        levels, columns = len(factor.levels), len(factor.columns)
        dims = (level_dim(factor.name), term_dim(factor.name))
        if factor.name in draws.streamed:
            for statistic, values in vars(draws.streamed[factor.name]).items():
                own = ("probability", *dims) if statistic == "quantiles" else dims
                streamed[stored_name(f"{statistic}_{factor.name}")] = Variable(own, values, {"factor": factor.name})
        else:
            effects = draws.whole[:, :, start : start + levels * columns].reshape(chains, kept, levels, columns)
            posterior[stored_name(f"r_{factor.name}")] = Variable(("chain", "draw", *dims), effects, {"parameter": f"r_{factor.name}"})
        labels[dims[0]] = Variable((dims[0],), factor.levels)
        labels[dims[1]] = Variable((dims[1],), factor.columns)
        sizes[stored_name(f"n_{factor.name}")] = Variable((dims[0],), np.asarray(factor.sizes), {"factor": factor.name})
    about = {"inference_library": "gibbs", "inference_library_version": __version__}
    row_numbers = {"meaning": "row of the data, counted from 1"}
    timed = {**about, "tuning_steps": draws.warmup}  # no seconds: the same draws are the same file
    found = {
        "posterior": Group(posterior, {**sampled, **labels}, timed),
        "sample_stats": Group({"lp": Variable(("chain", "draw"), draws.lp)}, sampled, about),
    }
    if observed is not None:
        y, rows = observed
        found["observed_data"] = Group(
            {stored_name(outline.outcome): Variable(("obs_id",), y, {"parameter": outline.outcome})},
            {"obs_id": Variable(("obs_id",), rows, row_numbers)},
            about,
        )
    if missing is not None:
        rows, drawn = missing
        row = Variable((MISSING_DIM,), rows, row_numbers)
        ymis = Variable(("chain", "draw", MISSING_DIM), drawn, {"parameter": "ymis", "outcome": outline.outcome})
        found["posterior_predictive"] = Group({"ymis": ymis}, {**sampled, MISSING_DIM: row}, about)
    for name, variables in (further or {}).items():
        before = found.get(name, Group({}, {}))  # the outcomes that are missing
        own = {stored_name(variable): Variable(*entry) for variable, entry in variables.items()}
        by_row = {"obs_id": Variable(("obs_id",), observed[1], row_numbers)} if any("obs_id" in v.dims for v in own.values()) else {}
        found[name] = Group({**own, **before.variables}, {**sampled, **by_row, **before.coordinates}, about)
    if sizes:
        level_labels = {name: labels[name] for size in sizes.values() for name in size.dims}
        found["constant_data"] = Group(sizes, level_labels, about)
    if streamed:
        own = {name: labels[name] for variable in streamed.values() for name in variable.dims if name in labels}
        own["probability"] = Variable(("probability",), np.array(STREAMED_PROBABILITIES))
        found["streamed"] = Group(streamed, own, about)
    return found


def datatree(found: Mapping[str, Group]) -> Any:
    """The groups as an xarray DataTree, which ArviZ takes as its own. Imports xarray."""
    import xarray as xr

    def dataset(group: Group) -> xr.Dataset:
        def entry(variable: Variable) -> tuple[Any, ...]:
            data = variable.data.whole() if isinstance(variable.data, Stream) else variable.data
            data = data if isinstance(data, np.ndarray) else np.array(data, dtype=str)
            return (variable.dims, data, dict(variable.attributes))

        return xr.Dataset(
            {name: entry(variable) for name, variable in group.variables.items()},
            coords={name: entry(variable) for name, variable in group.coordinates.items()},
            attrs=dict(group.attributes),
        )

    return xr.DataTree.from_dict({f"/{name}": dataset(group) for name, group in found.items()})
