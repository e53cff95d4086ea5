"""Slow, independent answers, written plainly from the model's definition; nothing here is shared with kernels/ or the sampler.

``log_joint`` and ``augmented_log_joint`` (densities), ``gaussian_marginal`` (dense algebra), quadrature posteriors of one-factor
models, and ``random_design`` / ``draw_prior`` / ``simulate`` for invariance tests. ``tests/test_oracles.py`` checks each by a
second route.
"""

from .densities import (
    augmented_log_joint,
    covariance_of_group,
    factor_covariance,
    linear_predictor,
    log_huang_wand,
    log_inverse_wishart,
    log_joint,
    log_likelihood,
    log_lkj,
    log_prior,
    log_prior_covariance,
    log_prior_df,
    log_prior_nu,
    log_prior_sd,
    log_random_effects,
)
from .gaussian import GaussianMarginal, dense_covariance, dense_design, gaussian_marginal
from .generators import (
    KINDS,
    NU_PRIORS,
    SD_PRIORS,
    draw_covariance,
    draw_lkj,
    draw_nu,
    draw_prior,
    draw_sd,
    random_design,
    simulate,
    with_response,
)
from .grid import Axis, Grid, Margin, integrate_on_grid
from .quadrature import (
    QuadraturePosterior,
    one_factor_binary_log_likelihood,
    one_factor_binary_posterior,
    one_factor_gaussian_posterior,
)

__all__ = [
    "KINDS",
    "NU_PRIORS",
    "SD_PRIORS",
    "Axis",
    "GaussianMarginal",
    "Grid",
    "Margin",
    "QuadraturePosterior",
    "augmented_log_joint",
    "covariance_of_group",
    "dense_covariance",
    "dense_design",
    "draw_covariance",
    "draw_lkj",
    "draw_nu",
    "draw_prior",
    "draw_sd",
    "factor_covariance",
    "gaussian_marginal",
    "integrate_on_grid",
    "linear_predictor",
    "log_huang_wand",
    "log_inverse_wishart",
    "log_joint",
    "log_likelihood",
    "log_lkj",
    "log_prior",
    "log_prior_covariance",
    "log_prior_df",
    "log_prior_nu",
    "log_prior_sd",
    "log_random_effects",
    "one_factor_binary_log_likelihood",
    "one_factor_binary_posterior",
    "one_factor_gaussian_posterior",
    "random_design",
    "simulate",
    "with_response",
]
