"""What is told while chains run: from what they have kept, at whatever moment that is asked."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from gibbs.model.records import Sampling
from gibbs.sampling.reporter import GLANCE, Reporter


def chain(done: int, *kept: int) -> SimpleNamespace:
    chunks = [SimpleNamespace(lp=np.zeros(n)) for n in kept]
    return SimpleNamespace(done=done, warmup=50, kept=chunks, seconds=[0.1, 0.1])


@pytest.mark.parametrize(("kept", "looks"), [((), 0), ((GLANCE - 1,), 0), ((GLANCE - 1, 1), 1)])
def test_a_look_waits_for_draws_that_are_kept(kept, looks) -> None:
    """A sweep counts as done before its chunk is kept; between the two there may be nothing to look at."""
    seen: list = []
    watch = SimpleNamespace(
        parameters_alone=lambda chains: seen.append(chains) or SimpleNamespace(name="sigma", rhat=1.0, ess=9.0, draws=100)
    )
    reporter = Reporter(lambda snapshot: None, Sampling(chains=2, warmup=50, draws=500))
    reporter.start([chain(50 + GLANCE, GLANCE), chain(50 + GLANCE, *kept)], 2, watch)
    reporter.tell(550)
    assert len(seen) == looks
