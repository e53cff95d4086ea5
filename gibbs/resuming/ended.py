"""The end of a run, in its folder: ``chains.state``, one block from which more draws can be made.

State, Tuning and Counts of every chain; all draws but those of the effects, which posterior.nc has (coefficients here are those of the
sampler's own basis); and the effects of draws that some chains have more of than others, where the run was interrupted.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from gibbs.errors import OutputError
from gibbs.files import blocks
from gibbs.runfolder.layout import STATE as NAME
from gibbs.sampling import standing as standings
from gibbs.sampling.standing import FORMAT, Standing


def read(folder: Path, effects: np.ndarray) -> Standing:
    """Where the run ended; ``effects`` (chain, draw, effect) are those of posterior.nc. OutputError: missing, damaged, not the run's."""
    path = folder / NAME
    try:
        with open(path, "rb") as file:
            about, arrays = blocks.read(file) or _empty()
        if about["gibbs_ended"] != FORMAT:
            raise OutputError(
                f"no more draws can be added to the run: another version of gibbs wrote it (its {NAME} has format {about['gibbs_ended']}, "
                f"and this version reads {FORMAT}). Run the spec again.",
                where=str(folder),
            )
        chains = int(about["chains"])
        slim = [standings.to_draws(arrays, k) for k in range(chains)]
        kept = tuple([one] for one in slim if one is not None)
        if len(kept) != chains:
            raise blocks.Damaged("draws are missing")
        return rejoined(Standing(standings.to_snapshots(arrays, chains), kept, about["course"], float(about["elapsed"])), effects)
    except FileNotFoundError:
        raise OutputError(
            f"the run has no {NAME}, so no more draws can be added to it: it was written by an earlier version of gibbs, or by Ctrl-C in "
            "the middle of a long sweep. Run the spec again.",
            where=str(folder),
        ) from None
    except (blocks.Damaged, OSError, KeyError, ValueError, TypeError, IndexError) as error:
        said = error.strerror if isinstance(error, OSError) else str(error)
        raise OutputError(f"no more draws can be added to the run: this file is damaged ({said}).", where=os.fspath(path)) from error


def rejoined(standing: Standing, effects: np.ndarray) -> Standing:
    """``standing``, whose draws are without the effects that are in ``effects`` (chain, draw, effect), with them. ValueError: they are not
    as many."""
    return replace(standing, kept=tuple([standings.joined(chunks[0], effects[k])] for k, chunks in enumerate(standing.kept)))


def done(folder: Path) -> list[int] | None:
    """Sweeps of each chain at the end of the run; None where nothing says so."""
    try:
        with open(folder / NAME, "rb") as file:
            about, arrays = blocks.read(file) or _empty()
        return [int(parts["done"]) for parts in standings.to_snapshots(arrays, int(about["chains"]))]
    except (OSError, blocks.Damaged, KeyError, ValueError, TypeError):
        return None


def _empty() -> Any:
    raise blocks.Damaged("it is empty")
