"""Second-order moves leave the law of (parameters, data) alone, for every family, link and structure."""

from __future__ import annotations

import pytest

from tests.sampling.cases import Case
from tests.sampling.invariance import examine

SUITE = 1e-4

FAST = (
    Case("logit", "slopes", "second-order", True, far=1.0, offset=True),
    Case("probit", "one_factor", "second-order", False, sd_prior="exponential", intercept_prior="intercept"),
    Case("logit", "nested", "second-order", True, sd_prior="half_normal"),
    Case("probit", "crossed", "second-order", True, coefficient_prior="student_t"),
    Case("binomial", "slopes", "second-order", True, link="logit", covariance_prior="inverse_wishart"),
    Case("binomial", "one_factor", "second-order", True, link="probit", offset=True),
    Case("binomial", "crossed", "second-order", False, link="cloglog"),
    Case("poisson", "slopes", "second-order", True, offset=True, sd_prior="half_normal"),
    Case("poisson", "nested", "second-order", False, sd_prior="half_normal"),
    Case("negative_binomial", "one_factor", "second-order", True, sd_prior="half_normal"),
    Case("ordinal", "slopes", "second-order", True, link="logit"),
    Case("ordinal", "crossed", "second-order", False, link="probit", offset=True),
)


def check(case: Case, suite, **how) -> None:
    verdict = examine(case, repack=True, **how)
    name, p = verdict.worst()
    assert p * len(suite) > SUITE, f"{case}: {name}\n{verdict.report()}"
    assert verdict.likelihood_error < 1e-6


@pytest.mark.parametrize("case", FAST, ids=str)
def test_second_order_sweeps_leave_the_joint_law_alone(case: Case):
    check(case, FAST, replicates=600, seed=301)
