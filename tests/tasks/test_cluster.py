"""A Dask cluster as hands: the draws are those that are made without it, workers and schedulers may die, and what is wrong is said.

Clusters are real ones, of processes of this machine; the fast test has one of threads.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import gibbs
from gibbs import api, pipeline
from gibbs.errors import ClusterError, SamplingError
from gibbs.tasks import cluster, hands, installation
from tests.command import SPEC, Gibbs, csv, table

distributed = pytest.importorskip("distributed")
pytestmark = pytest.mark.filterwarnings("ignore")

FORMULA = "y ~ x + (1 + x | g)"
SIZES: dict[str, Any] = {"chains": 3, "warmup": 60, "draws": 80, "seed": 3, "cores": 1, "progress": False}


def data() -> pd.DataFrame:
    return pd.DataFrame(table())


def same(one: Any, other: Any) -> bool:
    return all(np.array_equal(getattr(one.arrays, name), getattr(other.arrays, name)) for name in ("beta", "hyper", "u", "lp"))


@pytest.fixture(scope="module")
def threads() -> Iterator[Any]:
    """A cluster of this process."""
    with (
        distributed.LocalCluster(n_workers=1, threads_per_worker=2, processes=False, dashboard_address=None) as made,
        distributed.Client(made, set_as_default=False) as client,
    ):
        yield client


def test_a_fit_a_calibration_and_replicates_on_a_cluster_are_those_without_it(threads: Any) -> None:
    assert same(gibbs.fit(FORMULA, data(), **SIZES, on=threads), gibbs.fit(FORMULA, data(), **SIZES))
    keys = {
        "priors": {"b": "normal(0, 1)", "intercept": "normal(0, 1)"},
        "replicates": 3,
        "chains": 1,
        "warmup": 60,
        "draws": 60,
        "seed": 1,
    }
    few = gibbs.fit("y ~ x + (1 | g)", data(), **SIZES)
    here, there = (few.alternative_priors(on=on) for on in (None, threads))
    assert here.names == there.names and all(np.array_equal(a, b) for a, b in zip(here.draws, there.draws, strict=True))
    here, there = (gibbs.sbc("y ~ x + (1 | g)", data(), **keys, on=on) for on in (None, threads))
    pd.testing.assert_frame_equal(here.ranks(), there.ranks())
    of = {"priors": keys["priors"], "chains": 1, "warmup": 60, "draws": 60, "seed": 1}
    here, there = (gibbs.simulate_study("y ~ x + (1 | g)", data(), datasets=2, at={"x": 0.5}, **of, on=on) for on in (None, threads))
    pd.testing.assert_frame_equal(here.estimates(), there.estimates())
    here, there = (gibbs.cross_validate("y ~ x + (1 | g)", data(), by="g", folds=2, **of, on=on) for on in (None, threads))
    pd.testing.assert_frame_equal(here.table(), there.table())
    design = {"psu": "g", "replicates": 20, "warmup": 60, "draws": 60}
    here, there = (gibbs.fit("y ~ x", data(), **SIZES, design=design, on=on) for on in (None, threads))
    assert here.estimates is not None and np.array_equal(here.estimates.se, there.estimates.se)


def test_what_a_task_raises_is_raised_here_and_what_is_no_cluster_is_refused(threads: Any) -> None:
    def fail(shared: Any, task: int, desk: Any) -> None:
        raise {0: SamplingError("numbers failed", where="chain 1"), 1: MemoryError()}[task]

    with cluster.opened(threads) as workers:
        with pytest.raises(SamplingError, match="chain 1: numbers failed"):
            hands.each(workers, fail, None, [0], print)
        with pytest.raises(ClusterError, match="a worker ran out of memory") as error:
            hands.each(workers, fail, None, [1], print)
        assert error.value.exit_code == 1
    for wrong, words in (("loca", "Did you mean 'local'"), ("tcp://nowhere", "neither 'local' nor the address"), (3, "found 3")):
        with pytest.raises(ClusterError, match=words):
            gibbs.fit(FORMULA, data(), **SIZES, on=wrong)
    with pytest.raises(ClusterError, match=r"no scheduler that answers at tcp://127\.0\.0\.1:9"), pytest.MonkeyPatch.context() as patch:
        patch.setattr(cluster, "CONNECT", 0.5)
        gibbs.fit(FORMULA, data(), **SIZES, on="tcp://127.0.0.1:9")


def test_other_versions_are_refused_before_anything_is_sent(threads: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    ours = installation.here()
    for name, words in (
        ("numpy", "numpy"),
        ("numba", "numba"),
        ("python", "Python"),
        ("gibbs", "gibbs"),
        ("code", "another state of the code"),
    ):
        other = {**ours, name: "0.1"}
        calls = iter([other])
        monkeypatch.setattr(cluster.installation, "here", lambda calls=calls: next(calls, ours))
        with pytest.raises(ClusterError, match=rf"other versions than this machine \(.*{words}.*nothing was sent"), cluster.opened(threads):
            pass
    other = {**ours, "processor": "x86_64 i486"}
    calls = iter([other])
    monkeypatch.setattr(cluster.installation, "here", lambda: next(calls, ours))
    with cluster.opened(threads) as workers:
        assert "another kind of processor" in workers.notes()[0]


# ------------------------------------------------------------------------------------------------ processes (slow)


@contextmanager
def processes(n: int = 2, **more: Any) -> Iterator[Any]:
    with (
        distributed.LocalCluster(n_workers=n, threads_per_worker=1, dashboard_address=None, silence_logs=50, **more) as made,
        distributed.Client(made, set_as_default=False) as client,
    ):
        yield client


def begun(folder: Path, *words: str, draws: int) -> subprocess.Popen[str]:
    """``gibbs run`` of a model in a folder, which has begun to draw."""
    (folder / "data.csv").write_text(csv(table(3000)), encoding="utf-8")
    (folder / "model.yaml").write_text(SPEC.replace("gaussian", "student"), encoding="utf-8")
    command = [sys.executable, "-m", "gibbs", "run", "model.yaml", "--log=log", "--quiet", f"--draws={draws}", *words]
    run = subprocess.Popen(command, cwd=folder, stderr=subprocess.PIPE, text=True)
    deadline, log = time.monotonic() + 300, folder / "log"
    while time.monotonic() < deadline and run.poll() is None:
        lines = log.read_text(encoding="utf-8").splitlines() if log.exists() else []
        if any(json.loads(line).get("done", [0])[0] > 60 for line in lines):
            return run
        time.sleep(0.05)
    raise AssertionError(run.communicate()[1] if run.poll() is not None else "it does not draw")


@pytest.mark.slow
def test_a_worker_that_is_killed_costs_no_draw(tmp_path: Path) -> None:
    with processes() as client:
        run = begun(tmp_path, f"--on={client.scheduler.address}", "--out=far", draws=3000)
        for _ in range(2):
            os.kill(next(iter(client.run(os.getpid).values())), signal.SIGKILL)
            time.sleep(2.0)
        _, said = run.communicate(timeout=300)
        assert run.returncode in (0, 1), said
    subprocess.run([sys.executable, "-m", "gibbs", "run", "model.yaml", "--draws=3000", "--out=near", "--quiet"], cwd=tmp_path, check=False)
    for name in ("summary.csv", "ranef.csv"):
        assert (tmp_path / "far" / name).read_bytes() == (tmp_path / "near" / name).read_bytes()


def scheduler_at(port: int) -> subprocess.Popen[bytes]:
    said = {"cls": "distributed.Scheduler", "opts": {"port": port, "host": "127.0.0.1", "dashboard": False}}
    return subprocess.Popen([sys.executable, "-m", "distributed.cli.dask_spec", "--spec", json.dumps(said)], stderr=subprocess.DEVNULL)


def worker_of(address: str, kind: str = "Nanny", **environment: str) -> subprocess.Popen[bytes]:
    said = json.dumps({"cls": f"distributed.{kind}", "opts": {"nthreads": 2}})
    return subprocess.Popen(
        [sys.executable, "-m", "distributed.cli.dask_spec", address, "--spec", said],
        stderr=subprocess.DEVNULL,
        env={**os.environ, **environment},
    )


BLOCK = """
import sys
class Block:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "gibbs":
            raise ModuleNotFoundError("No module named 'gibbs'", name="gibbs")
sys.meta_path.insert(0, Block())
"""


@pytest.mark.slow
@pytest.mark.parametrize("what", ["another numba", "no gibbs", "no worker"])
def test_workers_that_are_not_fit_are_refused_and_nothing_is_written(tmp_path: Path, what: str) -> None:
    port = {"another numba": 18787, "no gibbs": 18788, "no worker": 18789}[what]
    address = f"tcp://127.0.0.1:{port}"
    (tmp_path / "fake/numba-0.1.dist-info").mkdir(parents=True)
    (tmp_path / "fake/numba-0.1.dist-info/METADATA").write_text("Metadata-Version: 2.1\nName: numba\nVersion: 0.1\n", encoding="utf-8")
    (tmp_path / "block").mkdir()
    (tmp_path / "block/sitecustomize.py").write_text(BLOCK, encoding="utf-8")
    (tmp_path / "data.csv").write_text(csv(table()), encoding="utf-8")
    (tmp_path / "model.yaml").write_text(SPEC, encoding="utf-8")
    processes = [scheduler_at(port)]
    if what != "no worker":
        processes.append(worker_of(address, "Worker", PYTHONPATH=str(tmp_path / ("fake" if what == "another numba" else "block"))))
    before = {p.name for p in tmp_path.iterdir()}
    try:
        command = [sys.executable, "-m", "gibbs", "run", "model.yaml", f"--on={address}"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
    finally:
        for process in reversed(processes):
            process.kill()
            process.wait()
    words = {"another numba": "numba 0.1, here", "no gibbs": "cannot import gibbs", "no worker": "has no worker"}[what]
    said = " ".join(done.stderr.split())
    assert done.returncode == 2 and said.startswith("gibbs: cluster: ") and words in said and done.stdout == "", done.stderr
    assert {p.name for p in tmp_path.iterdir()} == before


@pytest.mark.slow
def test_a_file_that_starts_a_local_cluster_without_its_guard_is_one_error(tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text(csv(table()), encoding="utf-8")
    script = "import gibbs\ngibbs.fit('y ~ x + (1 | g)', 'data.csv', on='local', cores=1, chains=1, draws=60, warmup=60)\n"
    (tmp_path / "script.py").write_text(script, encoding="utf-8")
    done = subprocess.run([sys.executable, "script.py"], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 1 and "stands below if __name__ == '__main__':" in done.stderr and "bootstrapping" not in done.stderr


@pytest.mark.slow
def test_a_scheduler_that_is_gone_is_one_error_and_the_run_goes_on_from_its_checkpoint(tmp_path: Path) -> None:
    address = "tcp://127.0.0.1:18786"
    scheduler, worker = scheduler_at(18786), worker_of(address)
    try:
        run = begun(tmp_path, f"--on={address}", "--out=far", draws=3000)
        scheduler.kill()
        _, said = run.communicate(timeout=120)
    finally:
        for process in (scheduler, worker):
            process.kill()
            process.wait()
    assert run.returncode == 1 and said.startswith("gibbs: cluster: ") and "gibbs resume goes on" in " ".join(said.split()), said
    assert "Traceback" not in said and not (tmp_path / "far").exists()
    for words in (["resume", "far"], ["run", "model.yaml", "--draws=3000", "--out=near"]):
        subprocess.run([sys.executable, "-m", "gibbs", *words, "--quiet"], cwd=tmp_path, check=False)
    assert (tmp_path / "far/summary.csv").read_bytes() == (tmp_path / "near/summary.csv").read_bytes()


def eat(shared: Any, task: int, desk: Any) -> int:
    """Takes all the memory there is."""
    held = [np.ones(30_000_000 // 8) for _ in range(task)]
    time.sleep(1.0)
    return len(held)


@pytest.mark.slow
def test_workers_that_die_for_want_of_memory_are_one_error() -> None:
    with processes(1, memory_limit="700MB") as client, cluster.opened(client) as workers:
        with pytest.raises(ClusterError, match=r"have died 4 times in a row, most often for want of memory") as error:
            hands.each(workers, eat, None, [100], print)
        assert error.value.exit_code == 1


@pytest.mark.slow
def test_several_specs_on_a_local_cluster(gibbs: Gibbs) -> None:
    Path("two.yaml").write_text(SPEC.replace("runs/one", "runs/two").replace("y ~ x", "y ~ xx"), encoding="utf-8")
    code, out, err = gibbs("run", "model.yaml", "two.yaml", "--on", "local", "--cores", 2)
    assert code == 2 and out.startswith("model.yaml → runs/one: ") and "gibbs: two.yaml: " in err
    assert gibbs("run", "model.yaml", "--out", "near", "--quiet")[0] in (0, 1)
    assert Path("near/summary.csv").read_bytes() == Path("runs/one/summary.csv").read_bytes()
    assert gibbs("resume", "near", "--draws", 200, "--on", "local", "--cores", 2, "--quiet")[0] in (0, 1)
    assert gibbs("run", "model.yaml", "--out", "whole", "--draws", 200, "--quiet")[0] in (0, 1)
    assert Path("near/summary.csv").read_bytes() == Path("whole/summary.csv").read_bytes()


@pytest.mark.slow
def test_ctrl_c_at_a_terminal_reaches_the_workers_of_a_local_cluster_too_and_keeps_the_draws(tmp_path: Path) -> None:
    run = begun(tmp_path, "--on=local", "--cores=2", "--out=far", draws=500_000)
    began = time.monotonic()
    for process in [run.pid, *_children(run.pid)]:
        os.kill(process, signal.SIGINT)
    _, said = run.communicate(timeout=60)
    assert time.monotonic() - began < 6.0 and run.returncode in (1, 130) and "Traceback" not in said, said
    assert (tmp_path / "far").exists() or "waits in its checkpoint" in " ".join(said.split())


def _children(pid: int) -> list[int]:
    found = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True, check=False).stdout
    return [int(word) for word in found.split()]


def test_the_interface_and_the_spec_say_nothing_of_a_cluster() -> None:
    """An address is a word of the command line or of a program: a spec, which may come from anybody, cannot name one."""
    from gibbs.model.schema import schema

    assert "tcp://" not in json.dumps(schema()) and "on" not in schema()["properties"]
    assert api.fit.__kwdefaults__["on"] is None and "hands" in pipeline.draw.__kwdefaults__
