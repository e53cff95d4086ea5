"""The workers of a Dask cluster as hands (``--on``): reached, compared with this process, and given tasks by ``gibbs.tasks.dask_job``.

A scheduler's address is trusted, and so is everyone who can reach it: what is sent there is run there, and what comes back is unpacked
here. Nothing in a spec or in data names one: the address is a word of the command line, or a Client that a program has made.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import re
import threading
import warnings
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING, Any

from gibbs import signals
from gibbs.cores import usable_cores
from gibbs.errors import ClusterError, nearest
from gibbs.tasks import installation
from gibbs.tasks.dask_job import DaskJob
from gibbs.tasks.hands import Function

if TYPE_CHECKING:
    from distributed import Client

LOCAL = "local"
CONNECT, WORKERS = 10.0, 20.0
"""Seconds that a scheduler has to answer, and those that it may have no worker at first."""
_ADDRESS = re.compile(r"^([a-z]+)://[^\s/]+:\d+/?$")
_WORDS = {"gibbs": "gibbs", "python": "Python", "numpy": "numpy", "numba": "numba", "code": "the code of gibbs"}


class Workers:
    """The workers of a cluster. ``name``: the scheduler's address. ``processors``: kinds of them that are not this machine's."""

    def __init__(self, client: Client, name: str) -> None:
        self.client, self.name = client, name
        self.processors: tuple[str, ...] = ()

    @property
    def count(self) -> int:
        """Tasks that they do at a time; workers come and go."""
        return max(1, sum(self.client.nthreads().values()))

    def job(self, function: Function, shared: Any) -> DaskJob:
        """A new job; ``shared`` goes to every worker once."""
        return DaskJob(self.client, self.name, function, shared)

    def environment(self) -> dict[str, str]:
        """What another process of this user must have in its environment to reach the scheduler too: the keys of a local one."""
        import dask

        security = self.client.security
        if security is None or not security.tls_ca_file:
            return {}
        own = {"cert": security.tls_client_cert, "key": security.tls_client_key}
        tls = {"require-encryption": True, "tls": {"ca-file": security.tls_ca_file, "client": own}}
        return {"DASK_INTERNAL_INHERIT_CONFIG": dask.config.serialize({"distributed": {"comm": tls}})}

    def notes(self) -> tuple[str, ...]:
        """What should be known of them: kinds of processors that round otherwise."""
        if not self.processors:
            return ()
        return (
            f"workers of {self.name} have another kind of processor ({', '.join(self.processors)}; here {installation.processor()}): draws "
            "are as good, and need not be those of this machine to the last digit.",
        )


@contextmanager
def opened(on: Any, cores: int | None = None) -> Iterator[Workers | None]:
    """The workers that ``on`` names, ready for tasks: an address, "local", or a Client, which stays open. None where ``on`` is None.

    cores : processes of "local"; every core where None. Raises ClusterError where there is no such cluster, where it does not answer, has
    no workers, or would compute with other versions.
    """
    if on is None:
        yield None
        return
    distributed = _distributed()
    with ExitStack() as stack:
        if isinstance(on, distributed.Client):
            client = on
            if client.asynchronous:
                raise ClusterError("the Client is asynchronous; give one that is not: Client(address).")
        elif isinstance(on, str | os.PathLike):
            _quiet()
            client = stack.enter_context(_local(distributed, cores) if str(on) == LOCAL else _reached(distributed, str(on)))
        elif hasattr(on, "scheduler_address"):  # LocalCluster and its like
            client = stack.enter_context(_reached(distributed, on.scheduler_address, on))
        else:
            raise ClusterError(f"on is a scheduler's address (tcp://HOST:8786), 'local', or a Client of distributed; found {on!r:.80}.")
        workers = Workers(client, client.scheduler.address if client.scheduler is not None else str(on))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            _wait_for_workers(workers)
            workers.processors = _compared(workers)
        yield workers


def checked(on: str) -> str:
    """``on`` as it may stand on the command line. ClusterError where it is neither "local" nor an address; nothing is reached."""
    if on != LOCAL and not _ADDRESS.match(on):
        raise ClusterError(f"'{on}' is neither 'local' nor the address of a scheduler, tcp://HOST:8786.{nearest(on, [LOCAL])}")
    return on


# ------------------------------------------------------------------------------------------------------------ reaching one


def _distributed() -> Any:
    try:
        import distributed
    except ImportError:
        raise ClusterError("clusters are reached by the package distributed; install it: pip install 'gibbs-engine[cluster]'.") from None
    return distributed


def _quiet() -> None:
    """What distributed logs is said by us in a sentence, or needs no saying."""
    for name in [*logging.root.manager.loggerDict, "distributed"]:
        if name.split(".")[0] in ("distributed", "tornado"):
            logging.getLogger(name).setLevel(logging.CRITICAL + 1)


@contextmanager
def _reached(distributed: Any, address: str, cluster: Any = None) -> Iterator[Client]:
    """A Client of the scheduler at an address."""
    if cluster is None:
        checked(address)
    client = None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of other versions: said by us
            client = distributed.Client(cluster or address, timeout=CONNECT, set_as_default=False)
    except (OSError, TimeoutError, ValueError, TypeError, ImportError, RuntimeError) as error:
        raise ClusterError(
            f"there is no scheduler that answers at {address} ({_reason(error)}). Start one with 'dask scheduler', workers with "
            f"'dask worker {address}', or use --on local.",
        ) from error
    try:
        yield client
    finally:
        _close(client)


def _reason(error: BaseException) -> str:
    words = (str(error).strip() or type(error).__name__).splitlines()[0]
    return words[0].lower() + words[1:160].rstrip(".")


@contextmanager
def _local(distributed: Any, cores: int | None) -> Iterator[Client]:
    """A Client of a cluster of this machine's own, a process a core, which ends with the context; others on the machine cannot reach it
    where the package cryptography is there."""
    from distributed.security import Security

    if getattr(multiprocessing.current_process(), "_inheriting", False):
        raise SystemExit(1)  # a process of such a cluster that reads the file again which has started it: that one says so
    count = cores or usable_cores()
    try:
        security = Security.temporary()
    except ImportError:
        security = None
    cluster = client = None
    try:
        try:
            cluster = distributed.LocalCluster(
                n_workers=count,
                threads_per_worker=1,
                dashboard_address=None,
                silence_logs=logging.CRITICAL,
                security=security,
                preload="gibbs.tasks.local_worker",
            )
            client = distributed.Client(cluster, timeout=CONNECT, set_as_default=False)
        except (OSError, TimeoutError, RuntimeError) as error:
            raise ClusterError(
                f"the processes of a local cluster cannot be started ({_reason(error)}). In a Python file, what starts them stands below "
                "if __name__ == '__main__':, since each of them reads the file again."
            ) from error
        yield client
    finally:
        if cluster is not None and signals.so_far():
            _end_at_once(cluster)
        else:
            if client is not None:
                _close(client)
            if cluster is not None:
                with suppress(Exception):
                    cluster.close(timeout=5)


def _end_at_once(cluster: Any) -> None:
    """After Ctrl-C: the processes of a local cluster have nothing that is not here, and their own end takes seconds."""
    signals.abandoned.set()
    for process in multiprocessing.active_children():
        if process.name.startswith("Dask"):
            process.kill()
    threading.Thread(target=cluster.close, kwargs={"timeout": 5}, daemon=True).start()


def _close(client: Client) -> None:
    with suppress(Exception):  # of a scheduler that is gone
        client.close(timeout=2)


# ------------------------------------------------------------------------------------------------------------ comparing


def _wait_for_workers(workers: Workers) -> None:
    client = workers.client
    if client.nthreads():
        return
    try:
        client.wait_for_workers(1, timeout=WORKERS)
    except (TimeoutError, OSError):
        raise ClusterError(f"the scheduler at {workers.name} has no worker. Start some: dask worker {workers.name}") from None


def _compared(workers: Workers) -> tuple[str, ...]:
    """The kinds of processors that are not this machine's. ClusterError where anything there is of another version."""
    ours = installation.here()
    there = workers.client.get_versions(check=False, packages=["numba"])
    places = {"the scheduler": there["scheduler"], **{f"the worker {address}": found for address, found in there["workers"].items()}}
    for place, found in places.items():
        packages = dict((found or {}).get("packages", {}))
        packages["python"] = ".".join(str(packages.get("python", "")).split(".")[:2])
        packages.pop("gibbs", None)  # asked of the workers below
        _refuse_others(workers.name, place, ours, packages, ours["gibbs"], needed=place != "the scheduler")
    try:
        found = workers.client.run(installation.here)
    except Exception as error:  # of a worker, in whatever guise distributed hands it on
        raise ClusterError(
            f"a worker cannot import gibbs ({_reason(error)}). Install gibbs-engine {ours['gibbs']} where the workers run.",
            where=workers.name,
        ) from error
    kinds = set()
    for address, one in found.items():
        _refuse_others(workers.name, f"the worker {address}", ours, one, ours["gibbs"], needed=True)
        kinds.add(one["processor"])
    return tuple(sorted(kinds - {ours["processor"]}))


def _refuse_others(scheduler: str, place: str, ours: Mapping[str, str], theirs: Mapping[str, Any], gibbs: str, *, needed: bool) -> None:
    """ClusterError where a version at ``place`` is another; of a package that is not there only where it is ``needed``."""
    for name in ("python", "numpy", "numba"):
        if theirs.get(name) is None and needed:
            raise ClusterError(f"{place} has no {_WORDS[name]}. Install gibbs-engine {gibbs} there.", where=scheduler)
    other = [name for name in _WORDS if theirs.get(name) not in (None, ours[name])]
    if not other:
        return
    said = ", ".join(
        "another state of the code of gibbs" if name == "code" else f"{_WORDS[name]} {theirs[name]}, here {ours[name]}" for name in other
    )
    raise ClusterError(
        f"{place} has other versions than this machine ({said}), and draws would depend on where they are made. Install the same there; "
        "nothing was sent.",
        where=scheduler,
    )
