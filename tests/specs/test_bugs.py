"""WinBUGS' examples in ``specs/bugs``: our posteriors are the published ones.

Values: the benchmarks of the classic BUGS examples as JAGS ships them (bench-test files); of Endo, Hepatitis, Ice, LeukFr, Lung, Magnesium,
Pollution, Preeclampsia, Scotland and Stacks those of the MultiBUGS manual, of Surgical those of posteriordb; of Lips, three cohorts of Ice
and three parameters of Scotland, long runs of the very model by JAGS. The rule is the suite's own: means within 0.15 of a posterior sd,
beside three Monte Carlo errors of the published mean.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import gibbs
from gibbs.model import spec as specs
from gibbs.pipeline import draw, prepare

FOLDER = Path(__file__).parents[2] / "specs" / "bugs"
SHARE = 0.15


class Named:
    """Draws by the names of the tables."""

    def __init__(self, fit: gibbs.Fit) -> None:
        self.fit = fit

    def __getitem__(self, name: str) -> np.ndarray:
        arrays, outline = self.fit.arrays, self.fit.outline
        if name in arrays.hyper_names:
            return arrays.hyper[:, :, arrays.hyper_names.index(name)].ravel()
        if name.startswith("b_"):
            return arrays.beta[:, :, outline.coefficients.index(name[2:])].ravel()
        factor, level = name.removeprefix("r_").rstrip("]").split("[")
        f = [one.name for one in outline.factors].index(factor)
        return arrays.u[:, :, arrays.u_offsets[f] + outline.factors[f].levels.index(level)].ravel()


def _missing(row: int) -> Callable[[Named], np.ndarray]:
    return lambda d: d.fit.missing_outcomes(draws=True)[:, :, row].ravel()


def _lake_hancock(food: int) -> Callable[[Named], np.ndarray]:
    return lambda d: -sum(d[f"b_food{food}:lake{lake}"] for lake in (2, 3, 4)) / 4.0


def _item(k: int) -> Callable[[Named], np.ndarray]:
    return lambda d: -d[f"b_factor(item){k}"]


def _day(t: int) -> Callable[[Named], np.ndarray]:
    return lambda d: d["b_Intercept"] + d[f"r_day[{t}]"]


def _log_rr(k: int) -> Callable[[Named], np.ndarray]:
    return lambda d: d["b_cohort"] * (k - 5) + d[f"r_cohort[{k}]"] - d["r_cohort[5]"]


PUBLISHED: dict[str, dict[str, tuple[Callable[[Named], np.ndarray], float, float, float]]] = {
    "beetles": {
        "alpha": (lambda d: d["b_Intercept"] - 1.7934250 * d["b_x_c"], -60.783, 5.1522, 0.075),
        "beta": (lambda d: d["b_x_c"], 34.308, 2.8964, 0.0424),
    },
    "birats": {
        "mu.beta[1]": (lambda d: d["b_Intercept"], 242.6655, 2.6962, 0.0952),
        "mu.beta[2]": (lambda d: d["b_xc"], 6.18541, 0.10535, 0.00338),
        "sigma.beta[1]": (lambda d: d["sd_rat__Intercept"], 14.6722, 1.9889, 0.0557),
        "sigma.beta[2]": (lambda d: d["sd_rat__xc"], 0.50924, 0.08613, 0.00262),
        "r": (lambda d: d["cor_rat__Intercept__xc"], 0.64129, 0.13542, 0.00411),
        "alpha0": (lambda d: d["b_Intercept"] - 22 * d["b_xc"], 106.5866, 2.4875, 0.0803),
    },
    "epil": {
        "alpha0": (lambda d: d["b_Intercept"], -1.3719, 1.2460, 0.02905),
        "alpha.Base": (lambda d: d["b_log_base4"], 0.87365, 0.13927, 0.00322),
        "alpha.Trt": (lambda d: d["b_trt"], -0.96052, 0.42678, 0.01),
        "alpha.BT": (lambda d: d["b_log_base4:trt"], 0.35511, 0.21760, 0.00526),
        "alpha.Age": (lambda d: d["b_log_age"], 0.47962, 0.36370, 0.00856),
        "alpha.V4": (lambda d: d["b_v4"], -0.10137, 0.08754, 0.0024),
        "sigma.b1": (lambda d: d["sd_subject__Intercept"], 0.49920, 0.07152, 0.00192),
        "sigma.b": (lambda d: d["sd_obs__Intercept"], 0.36295, 0.04423, 0.00146),
    },
    "equiv": {
        "theta": (lambda d: np.exp(d["b_treat"]), 0.97925, 0.07261, 0.00082),
        "sigma[1]": (lambda d: d["sigma"], 0.13772, 0.04309, 0.00072),
        "sigma[2]": (lambda d: d["sd_subject__Intercept"], 0.12362, 0.05939, 0.001),
        "Y[1,1]": (_missing(0), 1.37819, 0.19158, 0.00217),
        "Y[3,2]": (_missing(1), 1.56343, 0.18623, 0.00205),
        "Y[6,2]": (_missing(2), 1.43389, 0.20331, 0.00285),
    },
    "alli": {
        "b[1,2]": (_lake_hancock(2), -1.870778, 0.465765, 0.0238),
        "b[1,3]": (_lake_hancock(3), -0.421014, 0.616829, 0.0263),
        "b[1,4]": (_lake_hancock(4), 0.554987, 0.554030, 0.0191),
        "b[1,5]": (_lake_hancock(5), 0.274886, 0.368475, 0.0129),
    },
    "blocker": {
        "d": (lambda d: d["b_treat"], -0.253225, 0.0597799, 0.00145),
        "sigma": (lambda d: d["sd_study__treat"], 0.115401, 0.068347, 0.00204),
    },
    "dyes": {
        "theta": (lambda d: d["b_Intercept"], 1527.57, 21.395, 0.519),
        "sigma2.within": (lambda d: d["sigma"] ** 2, 3042.45, 1066.23, 27.3),
        "f.between": (lambda d: d["sd_batch__Intercept"] ** 2 / (d["sd_batch__Intercept"] ** 2 + d["sigma"] ** 2), 0.3346, 0.2414, 0.0066),
    },
    "endo": {"beta": (lambda d: d["b_Intercept"], 1.873, 0.4177, 0.0069)},
    "hepatitis": {
        "alpha0": (lambda d: d["b_Intercept"], 6.138, 0.1501, 0.00137),
        "beta0": (lambda d: d["b_time"], -1.057, 0.1303, 0.00687),
        "gamma": (lambda d: d["b_titre0"], 0.6716, 0.08469, 0.002),
        "sigma": (lambda d: d["sigma"], 1.002, 0.0549, 0.00084),
    },
    "leuk": {"beta": (lambda d: d["b_placebo"], 1.54234, 0.425337, 0.0141)},
    "leukfr": {
        "beta": (lambda d: d["b_placebo"], 1.601, 0.436, 0.00758),
        "sigma": (lambda d: d["sd_pair__Intercept"], 0.2399, 0.2188, 0.01168),
    },
    "line": {
        "alpha": (lambda d: d["b_Intercept"], 2.999528, 0.591376, 0.00697),
        "beta": (lambda d: d["b_I(x - 3)"], 0.799779, 0.385949, 0.00356),
        "sigma": (lambda d: d["sigma"], 1.002818, 0.769696, 0.0131),
    },
    "lips": {  # JAGS: 20,000 draws of the same model, b = s B w with BB' the scaled generalised inverse
        "alpha": (lambda d: d["b_Intercept"], -0.2213, 0.1289, 0.00106),
        "beta": (lambda d: d["b_I(outdoors/10)"], 0.3693, 0.1343, 0.00106),
        "s": (lambda d: d["sd_area__Intercept"], 0.4958, 0.0964, 0.00153),
        "sh": (lambda d: d["sd_own__Intercept"], 0.1535, 0.1025, 0.00343),
        "b[1]": (lambda d: d["r_area[1]"], 1.0808, 0.308, 0.00337),
        "b[49]": (lambda d: d["r_area[49]"], -0.7552, 0.2179, 0.00284),
        "h[49]": (lambda d: d["r_own[49]"], -0.0848, 0.1658, 0.00275),
    },
    "lsat": {
        **{
            f"alpha[{k}]": (_item(k), *value)
            for k, value in (
                (1, (-2.745634, 0.1346, 0.00456)),
                (2, (-1.003156, 0.077535, 0.00291)),
                (3, (-0.246628, 0.074199, 0.0027)),
                (4, (-1.312721, 0.08415, 0.0028)),
                (5, (-2.106617, 0.108906, 0.00381)),
            )
        },
        "beta": (lambda d: d["sd_student__Intercept"], 0.759446, 0.0711088, 0.00436),
    },
    "lung": {
        "alpha": (lambda d: d["b_Intercept"], -0.206, 0.1024, 0.00182),
        "beta": (lambda d: d["b_deprivation"], 0.04647, 0.01877, 0.00029),
        "sigma.b": (lambda d: 1.60778 * d["sd_ward__Intercept"], 0.07745, 0.09671, 0.00588),
        "sigma.h": (lambda d: d["sd_own__Intercept"], 0.1438, 0.1168, 0.00654),
    },
    "magnesium": {
        "OR[1]": (lambda d: np.exp(d["b_treat"]), 0.4749, 0.1645, 0.0004),
        "tau[1]": (lambda d: d["sd_study__treat"], 0.5378, 0.3914, 0.00123),
    },
    "oxford": {
        "alpha": (lambda d: d["b_case"], 0.578584, 0.0654186, 0.00161),
        "beta1": (lambda d: d["b_case:year"], -0.0461006, 0.0149358, 0.000364),
        "beta2": (lambda d: d["b_case:I(year^2 - 22)"], 0.0070295, 0.00305162, 0.0000765),
        "sigma": (lambda d: d["sd_stratum__case"], 0.123082, 0.0859366, 0.00267),
    },
    "pollution": {
        "beta": (lambda d: d["b_Intercept"], 3.03, 0.02003, 0.00062),
        **{
            f"mu[{t}]": (_day(t), *value)
            for t, value in (
                (1, (2.869, 0.197, 0.0019)),
                (4, (3.327, 0.186, 0.00405)),
                (361, (2.387, 0.173, 0.00256)),
                (366, (2.294, 0.1976, 0.00213)),
            )
        },
        "sigma": (lambda d: 0.134444 * d["sd_day__Intercept"], 0.266, 0.03997, 0.00187),
        "sigma.err": (lambda d: d["sigma"], 0.2476, 0.03555, 0.00162),
    },
    "preeclampsia": {
        "mu": (lambda d: d["b_half"], -0.5086, 0.2993, 0.00151),
        "sigma": (lambda d: d["sd_study__half"], 0.7338, 0.3342, 0.00334),
        "theta[5]": (lambda d: d["b_half"] + d["r_study[5]"], -1.201, 0.3274, 0.00296),
        "theta[6]": (lambda d: d["b_half"] + d["r_study[6]"], -0.3065, 0.1207, 0.00044),
        "theta[8]": (lambda d: d["b_half"] + d["r_study[8]"], 0.2109, 0.6099, 0.00672),
    },
    "salm": {
        "alpha": (lambda d: d["b_Intercept"], 2.161002, 0.353383, 0.00949),
        "beta": (lambda d: d["b_log(dose + 10)"], 0.314889, 0.0954336, 0.00278),
        "gamma": (lambda d: d["b_dose"], -0.000993973, 0.000427022, 0.0000126),
        "sigma": (lambda d: d["sd_plate__Intercept"], 0.259324, 0.0781208, 0.00141),
    },
    "stacks": {
        "beta[1]": (lambda d: d["b_scale(air)"], 7.651, 1.238, 0.0214),
        "beta[2]": (lambda d: d["b_scale(temp)"], 2.732, 1.118, 0.0201),
        "beta[3]": (lambda d: d["b_scale(acid)"], -0.676, 0.7123, 0.00641),
        "sigma": (lambda d: np.sqrt(2.0) * d["sigma"], 3.597, 0.8456, 0.0103),
    },
    "ice": {
        "logRR[1]": (_log_rr(1), -1.076, 0.241, 0.01263),
        "logRR[2]": (_log_rr(2), -0.7715, 0.1535, 0.00817),
        "logRR[3]": (_log_rr(3), -0.4719, 0.08124, 0.00394),
        "logRR[4]": (_log_rr(4), -0.2021, 0.03938, 0.00118),
        "logRR[6]": (_log_rr(6), 0.1582, 0.04448, 0.00165),
        "logRR[7]": (_log_rr(7), 0.3137, 0.06806, 0.00307),
        "logRR[8]": (_log_rr(8), 0.4699, 0.08578, 0.00444),
        # of these three the manual's values, of effective sizes of 304, 276 and 300, are 0.17, 0.28 and 0.31 sds lower: 40,000 draws by
        # JAGS of the same model, beta[k] ~ dnorm(2 beta[k-1] - beta[k-2], tau), tau ~ dgamma(1.0001, 0.0001), stand here
        "logRR[9]": (_log_rr(9), 0.6400, 0.1160, 0.00265),
        "logRR[10]": (_log_rr(10), 0.8275, 0.1471, 0.00389),
        "logRR[11]": (_log_rr(11), 1.0238, 0.2103, 0.00548),
        "sigma": (lambda d: d["sd_cohort__Intercept"] * np.sqrt(d.fit.design.factors[0].structure.unit), 0.05195, 0.03977, 0.00181),
    },
    "inhaler": {
        "a[1]": (lambda d: d["b_Intercept[1]"], 0.70054, 0.14263, 0.00885),
        "a[2]": (lambda d: d["b_Intercept[2]"], 3.87332, 0.37187, 0.02891),
        "a[3]": (lambda d: d["b_Intercept[3]"], 5.20627, 0.50580, 0.03395),
        "beta": (lambda d: -d["b_treat"], 1.02840, 0.30729, 0.0209),
        "kappa": (lambda d: -d["b_carry"], 0.26242, 0.24218, 0.01602),
        "pi": (lambda d: -d["b_period"], -0.23301, 0.19554, 0.00605),
        "log.sigma": (lambda d: np.log(d["sd_subject__Intercept"]), 0.12763, 0.25178, 0.02187),
    },
    "rats": {
        "alpha0": (lambda d: d["b_Intercept"] - 22 * d["b_xc"], 106.39548, 3.59974, 0.04112),
        "beta.c": (lambda d: d["b_xc"], 6.18634, 0.10880, 0.00135),
    },
    "scotland": {
        # JAGS: 12,000 draws of the same model; the manual has -0.3006, 0.4474 and 0.6664, as a rank less in the law of tau would give
        "alpha0": (lambda d: d["b_Intercept"], -0.2994, 0.1123, 0.00127),
        "alpha1": (lambda d: d["b_I(outdoors/10)"], 0.4570, 0.1164, 0.00135),
        "sigma": (lambda d: 1.33893 * d["sd_area__inland"], 0.6517, 0.1147, 0.00227),
        "b[1]": (lambda d: d["r_area[1]"], 1.131, 0.2926, 0.0029),
        "b[29]": (lambda d: d["r_area[29]"], 0.1041, 0.1587, 0.00126),
        "b[49]": (lambda d: d["r_area[49]"], -0.7056, 0.1711, 0.00262),
        "b[56]": (lambda d: d["r_area[56]"], -0.2668, 0.2997, 0.0025),
    },
    "seeds": {
        "alpha0": (lambda d: d["b_Intercept"], -0.54931, 0.19231, 0.00451),
        "alpha1": (lambda d: d["b_x1"], 0.08077, 0.30952, 0.00808),
        "alpha2": (lambda d: d["b_x2"], 1.34325, 0.26367, 0.00651),
        "alpha12": (lambda d: d["b_x1:x2"], -0.81850, 0.43242, 0.01091),
        "sigma": (lambda d: d["sd_plate__Intercept"], 0.28166, 0.14070, 0.00766),
    },
    "surgical": {
        "mu": (lambda d: d["b_Intercept"], -2.550, 0.151, 0.0015),
        "sigma": (lambda d: d["sd_hospital__Intercept"], 0.400, 0.153, 0.0015),
    },
}
"""By spec and parameter as BUGS names it: (our draws, mean, sd, Monte Carlo error of the mean)."""


def test_every_spec_has_its_published_values():
    assert set(PUBLISHED) == {path.stem for path in FOLDER.glob("*.yaml")}
    page = (FOLDER / "README.md").read_text()
    assert all(f"`{name}.yaml`" in page for name in PUBLISHED)


SLOW = ("epil", "lsat", "oxford", "pollution")
"""Hundreds of effects, more than two seconds each."""
LONG_TAILED = {("inhaler", "log.sigma")}
"""Under dgamma(0.001, 0.001) on 1/σ² log σ has a long tail to the left: of two runs of 40,000 draws its sd is 0.27, and of single ten
thousands of them 0.23 to 0.35. Their middle 95 % say how wide it is."""


@pytest.mark.parametrize("name", [pytest.param(name, marks=pytest.mark.slow) if name in SLOW else name for name in PUBLISHED])
def test_posteriors_are_the_published_ones(name: str):
    spec = specs.load(FOLDER / f"{name}.yaml")
    spec = replace(spec, sampling=replace(spec.sampling, chains=2, warmup=600, draws=3000))
    named = Named(draw(prepare(spec)))
    for parameter, (ours, mean, sd, mcse) in PUBLISHED[name].items():
        x = ours(named)
        assert abs(x.mean() - mean) < SHARE * sd + 3.0 * mcse, (parameter, x.mean(), mean)
        low, high = np.quantile(x, [0.025, 0.975])
        width = (high - low) / 3.92 if (name, parameter) in LONG_TAILED else x.std()
        assert width == pytest.approx(sd, rel=0.25), (parameter, width, sd)
