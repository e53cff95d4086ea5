"""A change of the code that changes draws says so: ``python -m tests.fingerprints --store`` in the commit that means to."""

from __future__ import annotations

import pytest

from gibbs.model.families import FAMILIES
from tests import fingerprints


@pytest.mark.parametrize("name", fingerprints.MODELS)
def test_draws_are_those_that_were_stored(name):
    before = fingerprints.stored()
    if before["machine"] != fingerprints.machine():
        pytest.skip("fingerprints were stored on another kind of processor, or with another numba: bits need not agree")
    assert fingerprints.fingerprint(name) == before["models"][name], f"'{name}' draws something else (python -m tests.fingerprints)"


def test_every_family_and_scheme_has_a_fingerprint():
    models = fingerprints.MODELS.values()
    assert {model.family for model in models} == set(FAMILIES)
    assert {model.scheme for model in models} == {"joint", "collapsed", "one-at-a-time", "augmented", "second-order", "auto"}
    assert {model.order for model in models} == {0, 2, 3}
    assert set(fingerprints.stored()["models"]) == set(fingerprints.MODELS)
