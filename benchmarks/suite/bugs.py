"""The model in BUGS, twice: as people write it, and in the form in which JAGS' glm module draws coefficients and effects together.

As people write it: this package's own export (``gibbs export --to jags``), linear predictors as inner products. The additive form says the
same model and the same priors so that the module finds its blocks: each predictor a product of its own, coefficients that are stochastic
themselves (columns turned by V where a prior is on a combination), and sds of lone effects and of the residuals as
``dscaled.gamma(A, ν)`` on the precision, which is a half-t(ν, A) on the sd.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from gibbs.export.program import Program


def write(program: Program, folder: Path) -> None:
    """model.bug, additive.bug, the columns ``T.npy`` of the additive form, and the data that each names."""
    from gibbs.export import jags

    plain = jags.model_file(program, {})
    (folder / "model.bug").write_text(plain, encoding="utf-8")
    if program.coefficients:
        T = program.data["X"] if program.single else program.data["X"] @ program.data["V"]
        T = np.where(np.abs(T - np.round(T)) < 1e-12, np.round(T), T)
        np.save(folder / "T.npy", np.asfortranarray(T))
    else:
        T = np.empty((int(program.data["N"]), 0))
    (folder / "additive.bug").write_text(additive(program, plain, T), encoding="utf-8")


def additive(program: Program, plain: str, T: np.ndarray) -> str:
    """The plain model with the linear predictor, the coefficients and the sds of lone effects said the other way."""
    names = [f"b[{j}]" if program.single else f"stated[{j}]" for j in range(1, T.shape[1] + 1)]
    parts = [name if np.all(T[:, j] == 1.0) else f"{name} * T[i,{j + 1}]" for j, name in enumerate(names)]
    if "offset_" in program.data:
        parts.append("offset_[i]")
    for e in program.effects:
        at = f"u_{e.u}[{e.index}[i]" + ("]" if e.columns == 1 else "")
        if e.columns == 1:
            parts.append(at + (f" * {e.z}[i]" if e.z else ""))
        else:
            ones = np.all(program.data[e.z] == 1.0, axis=0)
            parts += [f"{at},{a + 1}]" + ("" if ones[a] else f" * {e.z}[i,{a + 1}]") for a in range(e.columns)]
    text = re.sub(r"^    eta\[i\] <- .*$", f"    eta[i] <- {' + '.join(parts) or '0'}", plain, flags=re.MULTILINE)
    if not program.single:
        text = re.sub(r"^  b\[(\d+)\] ~ ", r"  stated[\1] ~ ", text, flags=re.MULTILINE)
        text = re.sub(r"^  stated\[(\d+)\] <- b\[\1\]$", r"  b[\1] <- inprod(V[\1,], stated[])", text, flags=re.MULTILINE)
    for e in program.effects:
        prior = e.term.sd_priors[0] if e.term.sd_priors else None
        if e.columns == 1 and prior is not None and prior.kind == "half_t" and prior.args[1] == 0.0:
            text = re.sub(
                rf"^  sd_{e.tag} ~ .*$", f"  tau_{e.tag} ~ dscaled.gamma({prior.args[2]}, {prior.args[0]})", text, flags=re.MULTILINE
            )
            text = re.sub(rf"^  tau_{e.tag} <- .*$", f"  sd_{e.tag} <- 1 / sqrt(tau_{e.tag})", text, flags=re.MULTILINE)
    sigma = program.own.get("sigma")
    if sigma is not None and sigma.kind == "half_t" and sigma.args[1] == 0.0:
        text = re.sub(r"^  sigma ~ .*$", f"  tau ~ dscaled.gamma({sigma.args[2]}, {sigma.args[0]})", text, flags=re.MULTILINE)
        text = re.sub(r"^  tau <- .*$", "  sigma <- 1 / sqrt(tau)", text, flags=re.MULTILINE)
    return text


def starts(program: Program) -> dict[str, list[float]]:
    """Where a chain of JAGS has to start: cutpoints apart, at the shares of the categories on the scale of the link."""
    if not program.categories:
        return {}
    from scipy import special

    counts = np.bincount(program.data["y"] - 1, minlength=program.categories) + 0.5
    below = np.cumsum(counts)[:-1] / counts.sum()
    return {"unordered": [float(x) for x in (special.logit(below) if program.family.link == "logit" else special.ndtri(below))]}
