"""What the type of a column says of its values. NumPy's own types are known without pandas."""

from __future__ import annotations

from typing import Any

import numpy as np


def is_category(dtype: Any) -> bool:
    """A categorical of pandas."""
    if isinstance(dtype, np.dtype):
        return False
    import pandas as pd

    return isinstance(dtype, pd.CategoricalDtype)


def is_interval(dtype: Any) -> bool:
    """Intervals of pandas."""
    if isinstance(dtype, np.dtype):
        return False
    import pandas as pd

    return isinstance(dtype, pd.IntervalDtype)


def is_number(dtype: Any) -> bool:
    """Numbers of any kind, and truth values."""
    if isinstance(dtype, np.dtype):
        return dtype.kind in "biufc"
    import pandas as pd

    return bool(pd.api.types.is_numeric_dtype(dtype))


def is_truth(dtype: Any) -> bool:
    """Truth values."""
    if isinstance(dtype, np.dtype):
        return dtype.kind == "b"
    import pandas as pd

    return bool(pd.api.types.is_bool_dtype(dtype))


def is_real(dtype: Any) -> bool:
    """Numbers with a fraction, which may be infinite."""
    if isinstance(dtype, np.dtype):
        return dtype.kind == "f"
    import pandas as pd

    return bool(pd.api.types.is_float_dtype(dtype))


def is_complex(dtype: Any) -> bool:
    """Complex numbers."""
    if isinstance(dtype, np.dtype):
        return dtype.kind == "c"
    import pandas as pd

    return bool(pd.api.types.is_complex_dtype(dtype))
