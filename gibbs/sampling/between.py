"""What moves between two sweeps of a chain (``kernels/between.py``): which of it a model has, and what it is done with."""

from __future__ import annotations

import numpy as np

from gibbs.kernels import layout as kl
from gibbs.kernels.likelihood import BINOMIAL_LOGIT, BINOMIAL_PROBIT
from gibbs.model import alike
from gibbs.model.records import Design
from gibbs.sampling import own_law
from gibbs.sampling.pack import Packed

AUGMENTED = {kl.PROBIT: BINOMIAL_PROBIT, kl.LOGIT: BINOMIAL_LOGIT, kl.STUDENT: -1}
"""The likelihoods of augmented families, latents integrated out, as ``kernels/level_laws.py`` and ``own_law.py`` know them."""

_NONE = np.zeros(0)


def of(packed: Packed, design: Design, rows: kl.Rows, tuning: kl.Tuning, trial: kl.Trial) -> kl.Between:
    """The record of a chain whose likelihood is normal, or normal given its latents; ``rows``, ``tuning`` and ``trial`` are the chain's.

    Where latents stand between several units ν moves given the effects alone, and so it does in the one-at-a-time scheme.
    """
    code = AUGMENTED.get(packed.family)
    which = [np.zeros(len(f.levels), dtype=bool) for f in design.factors]
    if packed.family in (kl.PROBIT, kl.LOGIT) and packed.scheme != kl.ONE_AT_A_TIME:
        which = alike.levels(design)
    own, own_rows = own_law.table(packed, which)
    if packed.family == kl.GAUSSIAN:
        rows = rows._replace(level=rows.level[:0])  # no sweep passes over any
    if code is None:
        data = kl.StandIn(BINOMIAL_LOGIT, rows.X, rows.Z, rows.level, *[_NONE] * 7)
    else:
        columns = np.ascontiguousarray(rows.X.T) if own.size or packed.student.size else rows.X[:0]
        data = kl.StandIn(code, columns, rows.Z, rows.level, rows.offset, rows.y, rows.weight, *[_NONE] * 4)
    return kl.Between(
        second_order=False,
        integrable=packed.scheme != kl.ONE_AT_A_TIME and (code is None or packed.units < 2),
        summed=packed.family in (kl.STUDENT, kl.LOGIT),
        cuts=0,
        n=float(packed.n),
        yy=packed.yy,
        chosen=packed.student,
        prior=packed.df_prior,
        neighbours=packed.neighbours._replace(root=np.zeros((3, int(packed.layout.factor.levels.max(initial=0))))),
        steps=tuning.own_step,
        fits=tuning.own_fit,
        rows=rows,
        plain=packed.gram,
        plain_Z=packed.rows.Z,
        data=data,
        **_by_level(packed, data.y.size),
        own=own,
        own_rows=own_rows,
        trial=trial,
    )


def beside_stand_in(made: kl.Between, packed: Packed, data: kl.StandIn, plain: kl.Gram, trial: kl.Trial) -> kl.Between:
    """``made`` for a second-order chain, whose likelihood ``data`` stands beside a stand-in of the cross-products ``plain``."""
    return made._replace(
        second_order=True, integrable=True, summed=False, cuts=packed.cutpoints, plain=plain, data=data, trial=trial,
        **_by_level(packed, data.y.size),
    )  # fmt: skip


def _by_level(packed: Packed, rows: int) -> dict[str, np.ndarray]:
    """Rows of each level of the factors with Student-t effects, one factor after the other (``kl.Between``)."""
    members, first, first0 = [np.zeros(0, dtype=np.int64)], [np.zeros(0, dtype=np.int64)], [0]
    for f in packed.student if rows else ():
        level, levels = packed.rows.level[:, f], int(packed.layout.factor[f].levels)
        members.append(np.argsort(level, kind="stable"))
        first.append(np.concatenate([[0], np.cumsum(np.bincount(level, minlength=levels))]))
        first0.append(first0[-1] + levels + 1)
    return {"members": np.concatenate(members), "first": np.concatenate(first), "first0": np.array(first0, dtype=np.int64)}
