"""Records for tests of kernels that need no model around them; every field has the type that it has in a sweep."""

from __future__ import annotations

import numpy as np

from gibbs.kernels import layout as kl


def outcomes(code: int, y: np.ndarray, trials: np.ndarray, **further: np.ndarray) -> kl.StandIn:
    """Rows without predictors or effects, and without a stand-in where ω (``omega``) and b (``linear``) are not given."""
    nothing, empty, n = np.zeros(0), np.zeros((y.size, 0)), y.size
    fields = {"omega": np.zeros(n), "linear": np.zeros(n), "values": nothing, "value_rows": nothing, **further}
    return kl.StandIn(
        int(code), columns=np.zeros((0, n)), Z=empty, level=empty.astype(np.int32), offset=np.zeros(n), y=y, trials=trials, **fields
    )  # fmt: skip
