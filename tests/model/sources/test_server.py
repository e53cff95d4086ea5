"""A table on a server: PostgreSQL itself, started on a free port in a folder of the test, where the machine has it."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import gibbs
from gibbs.errors import DataError, GibbsError, SpecError
from gibbs.model.sources import server
from tests.model.sources.both_ways import ROWS, assert_same, packed, prepared, table

PASSWORD = "correct-horse-battery"
NAMES = ["g", "h", "x", "f", "z", "w", "n", "age", "y", "b", "vote", "c", "s", "o"]


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    return table()[NAMES].assign(small=lambda t: np.where(np.arange(ROWS) == 3, 1, 0))


@pytest.fixture(scope="module")
def postgres(frame: pd.DataFrame) -> Iterator[str]:
    """The address of a server with the table ``answers``, whose user is known by a password in the environment alone."""
    pytest.importorskip("ibis", reason="tables of servers need the package ibis-framework")
    psycopg = pytest.importorskip("psycopg", reason="PostgreSQL needs the package psycopg")
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    initdb = shutil.which("initdb") or (str(found[-1]) if found else None)
    if initdb is None:
        pytest.skip("PostgreSQL's initdb is not on this machine")
    who = {"user": "nobody"} if os.getuid() == 0 else {}
    folder = Path(tempfile.mkdtemp(prefix="gibbs-pg-", dir="/tmp" if os.path.isdir("/tmp") else None))
    if who:
        try:
            os.chown(folder, pwd.getpwnam("nobody").pw_uid, -1)
        except (KeyError, PermissionError):
            pytest.skip("PostgreSQL does not run as root, and there is no other user to run it as")
    secret = folder / "password"
    secret.write_text(PASSWORD)
    secret.chmod(0o644)
    at, binary = folder / "base", Path(initdb).parent
    quiet = {"check": True, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": folder, **who}
    subprocess.run([initdb, "-D", at, "-U", "reader", "-A", "scram-sha-256", f"--pwfile={secret}", "-E", "UTF8", "--locale=C"], **quiet)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={folder} -c fsync=off"
    subprocess.run([binary / "pg_ctl", "-D", at, "-w", "-l", folder / "log", "-o", options, "start"], **quiet)
    before = {key: os.environ.get(key) for key in ("PGUSER", "PGPASSWORD")}
    os.environ.update(PGUSER="reader", PGPASSWORD=PASSWORD)
    try:
        with psycopg.connect(host="127.0.0.1", port=port, dbname="postgres") as connection:
            kinds = {"f": "double precision", "i": "bigint", "O": "text"}
            typed = ", ".join(f'"{n}" {kinds.get(frame[n].dtype.kind, "text")}' for n in frame)
            connection.execute(f"CREATE TABLE answers ({typed})")
            with connection.cursor() as cursor, cursor.copy("COPY answers FROM STDIN") as copy:
                for row in frame.astype(object).where(frame.notna(), None).itertuples(index=False, name=None):
                    copy.write_row(row)
        yield f"postgres://127.0.0.1:{port}/postgres"
    finally:
        for key, value in before.items():
            os.environ.pop(key) if value is None else os.environ.__setitem__(key, value)
        subprocess.run([binary / "pg_ctl", "-D", at, "-m", "immediate", "stop"], **{**quiet, "check": False})
        shutil.rmtree(folder, ignore_errors=True)


MODELS = {
    "moments": ("y ~ x * z + f + (1 + x | g)", {}),
    "moments, derived": ("y ~ x + young + (1 | h)", {"subset": "h < 3 & age != 55", "derive": {"young": "age < 35"}, "na": {"y": [-1]}}),
    "cells": ("vote ~ x + f + (1 | g)", {"family": "logit"}),
    "cells, counts": ("c ~ x + (1 | g)", {"family": "poisson"}),
    "cells, ordinal": ("o ~ x + (1 | g)", {"family": "ordinal"}),
}


@pytest.mark.parametrize("model", MODELS)
def test_the_sampler_gets_what_it_gets_from_memory(model: str, postgres: str, frame: pd.DataFrame) -> None:
    """Up to the order of the cells: a server has no first row."""
    formula, keys = MODELS[model]
    there = prepared(formula, None, **keys, ibis=postgres, table="answers")
    here = prepared(formula, frame, **keys)
    assert there.design.way.kind == model.split(",")[0] and "on the server" in there.design.way.words
    if there.design.way.kind == "moments":
        assert_same(here, there)
        return
    a, b = packed(here), packed(there)
    assert (b.n, b.cells) == (a.n, a.cells) and there.design.rows_used == here.design.rows_used

    def cells(one):
        columns = [one.rows.level, one.rows.y[:, None], one.rows.weight[:, None], one.rows.Z, np.round(one.rows.X, 9)]
        return sorted(map(tuple, np.concatenate(columns, axis=1).tolist()))

    np.testing.assert_allclose(cells(b), cells(a), atol=1e-8)


def test_a_run_and_its_folder(postgres: str, tmp_path: Path) -> None:
    """From the words to written results and back; nothing that was written holds the password."""
    keys = {
        "ibis": postgres,
        "table": "answers",
        "family": "gaussian",
        "seed": 1,
        "chains": 2,
        "warmup": 60,
        "draws": 60,
        "progress": False,
    }
    with pytest.warns(UserWarning):
        fit = gibbs.fit("y ~ x + (1 | g)", output=str(tmp_path / "run"), **keys)
    for file in (tmp_path / "run").rglob("*"):
        assert not file.is_file() or PASSWORD.encode() not in file.read_bytes(), file
    again = gibbs.load(tmp_path / "run")
    assert again.design.rows_used == fit.design.rows_used
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of few draws
        assert len(again.predict({"x": [0.0, 1.0], "g": ["group 1", "group 2"]})) == 2
    with pytest.raises(DataError, match=r"a prediction for every row of the data needs the rows"):
        again.predict()


def test_groups_that_are_too_small_are_refused(postgres: str) -> None:
    assert prepared("y ~ 1 + (1 | h)", None, ibis=postgres, table="answers", disclosure={"min_cell": 2}, subset="h >= 0").design.rows_used
    with pytest.raises(DataError, match=r"disclosure: asks for groups of 5 rows or more, and \d+ of \d+ groups of equal rows have fewer"):
        prepared("y ~ small + (1 | h)", None, ibis=postgres, table="answers", disclosure={"min_cell": 5})


def test_rows_do_not_leave_the_server(postgres: str) -> None:
    with pytest.raises(DataError, match=r"family student has something of its own for every row, and rows do not leave a server"):
        prepared("y ~ x + (1 | g)", None, family="student", ibis=postgres, table="answers")
    with pytest.raises(DataError, match=r"hardly any rows are equal .* rows do not leave a server"):
        prepared("b ~ y + (1 | g)", None, family="probit", ibis=postgres, table="answers")


def test_what_is_wrong_is_one_error_without_a_password(postgres: str, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = {
        "there is no table 'answer'. Did you mean 'answers'": {"ibis": postgres, "table": "answer"},
        "there is no column 'xx', did you mean 'x'?": {"ibis": postgres, "table": "answers", "formula": "y ~ xx + (1 | g)"},
        "the server cannot be reached": {"ibis": "postgres://127.0.0.1:1/postgres", "table": "answers"},
    }
    for words, keys in wrong.items():
        with pytest.raises(DataError) as error:
            prepared(keys.pop("formula", "y ~ x + (1 | g)"), None, **keys)
        assert words in str(error.value) and PASSWORD not in str(error.value), str(error.value)
    monkeypatch.setenv("PGPASSWORD", "not-that-one")
    with pytest.raises(DataError, match="the server cannot be reached") as error:
        prepared("y ~ x + (1 | g)", None, ibis=postgres, table="answers")
    assert "not-that-one" not in str(error.value)


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("postgres://me:hidden1234@host/base", "a password has no place in a spec"),
        ("postgres://host/base?password=hidden1234", "a password has no place in a spec"),
        ("postgre://host/base", "'postgre' is no kind of server"),
        ("duckdb:///etc/secret", "'duckdb' is no kind of server"),
        ("/etc/passwd", "is no kind of server"),
        ("postgres:///base", "names no host"),
    ],
)
def test_addresses_that_are_refused(address: str, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PGHOST", raising=False)
    with pytest.raises(SpecError) as error:
        prepared("y ~ x", None, ibis=address, table="answers")
    assert words in str(error.value) and "hidden1234" not in str(error.value)


def test_secrets_of_the_environment_are_taken_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SNOWFLAKE_PASSWORD", "hidden1234")
    said = server.scrubbed(ValueError("cannot log in to db://me:other@host as me/hidden1234\nand more"))
    assert said == "cannot log in to db://host as me/…."


def test_keys_that_do_not_go_together() -> None:
    for keys in ({"table": "t"}, {"ibis": "postgres://h/b"}, {"ibis": "postgres://h/b", "table": "t", "rows": "memory"}):
        with pytest.raises(GibbsError):
            prepared("y ~ x", None, **keys)
