"""Random tables: DataFrames of every dtype, and files of every kind, whole, odd and damaged."""

from __future__ import annotations

import datetime
import decimal
import fractions
import gzip
import io
import os
import warnings
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pandas as pd

from tests.fuzz import words


def base(rows: int = 40, seed: int = 1) -> pd.DataFrame:
    """A table with outcomes of every kind, predictors and groups."""
    rng, k = np.random.default_rng(seed), np.arange(rows)
    trials = 3 + k % 5
    successes = rng.integers(0, trials + 1)
    x = np.round(rng.normal(2.0, 1.5, rows), 3)
    return pd.DataFrame(
        {
            "y": np.round(0.5 * x + rng.normal(size=rows), 3),
            "x": x,
            "z": np.round(rng.normal(size=rows), 3),
            "w": np.where(k % 9 == 4, np.nan, k / 10.0),
            "b": rng.integers(0, 2, rows),
            "yes": np.where(rng.integers(0, 2, rows) == 1, "yes", "no"),
            "o": 1 + (k * 7 + rng.integers(0, 2, rows)) % 4,
            "n": rng.poisson(2.0, rows),
            "t": trials,
            "s": successes,
            "f": trials - successes,
            "p": successes / trials,
            "e": 0.2 + 0.1 * (k % 3),
            "c": np.array(["low", "mid", "top"])[k % 3],
            "g": [f"g{i % 5}" for i in k],
            "h": [f"h{i % 5}{i % 10 // 5}" for i in k],
            "k": [f"k{(i * 3) % 7}" for i in k],
            "year": 2000 + (k // 7) % 4,
        }
    )


# ------------------------------------------------------------------------------------------------------------- frames


def _columns(r: Random, rows: int) -> list[Any]:
    """One column of each odd sort."""
    rng = np.random.default_rng(r.getrandbits(32))
    numbers = np.round(rng.normal(size=rows), 2)
    whole = rng.integers(0, 4, rows)
    text = [f"v{i}" for i in whole]
    dates = pd.date_range("2020-01-01", periods=rows)
    huge = r.choice((1e308, -1e308, 1e200, 5e-324, 1e16, 2.0**53 + 1))
    mixed = [
        r.choice((1, 2.5, "a", None, True, float("nan"), pd.NA, decimal.Decimal("1.5"), datetime.date(2020, 1, 1))) for _ in range(rows)
    ]
    objects = [
        r.choice((10**400, fractions.Fraction(1, 3), b"x", [1], {"a": 1}, (1, 2), object(), np.float64(2), complex(1, 1), Path("x"), {1}))
        for _ in range(rows)
    ]
    return [
        numbers,
        whole,
        text,
        numbers.astype("float32"),
        numbers.astype("float16"),
        numbers.astype("longdouble"),
        whole.astype("uint64") + np.uint64(2**63),
        whole.astype("int8"),
        np.where(whole == 0, huge, numbers),
        np.where(whole == 0, np.inf, numbers),
        np.where(whole == 0, np.nan, numbers),
        np.full(rows, r.choice((0.0, 1.0, np.nan, 1e300))),
        numbers + 1j * numbers,
        pd.array(whole, dtype="Int64"),
        pd.array([None if w == 0 else int(w) for w in whole], dtype="Int8"),
        pd.array([None if w == 0 else float(w) for w in whole], dtype="Float64"),
        pd.array([None if w == 0 else bool(w % 2) for w in whole], dtype="boolean"),
        whole > 1,
        pd.array([None if w == 0 else f"s{w}" for w in whole], dtype="string"),
        pd.array(text, dtype="string[pyarrow]"),
        pd.Categorical(text),
        pd.Categorical(text, categories=["v9", "v3", "v2", "v1", "v0"], ordered=True),
        pd.Categorical([None if w == 0 else w for w in whole]),
        pd.Categorical(numbers),
        pd.Categorical([w > 1 for w in whole]),
        pd.Categorical([None] * rows),
        dates,
        dates.tz_localize("Europe/Zurich"),
        dates.to_period("M"),
        dates - dates[0] if rows else dates,
        pd.IntervalIndex.from_breaks(np.arange(rows + 1)),
        pd.arrays.SparseArray(whole.astype(float)),
        pd.array(numbers, dtype="double[pyarrow]"),
        pd.array(text, dtype="large_string[pyarrow]"),
        pd.Series([[1]] * rows, dtype="object"),
        pd.Series(mixed, dtype="object"),
        pd.Series(objects, dtype="object"),
        pd.Series([r.choice(words.HOSTILE_NAMES) for _ in range(rows)], dtype="object"),
        pd.Series([r.choice(words.HOSTILE_NUMBERS) for _ in range(rows)], dtype="object"),
        pd.Series([r.choice(("1,5", "2,25", "3")) for _ in range(rows)], dtype="object"),
        pd.Series([f"{n:,}" for n in whole * 1000], dtype="object"),
        pd.Series([10**400 if w == 0 else int(w) for w in whole], dtype="object"),
        pd.Series([b"a"] * rows, dtype="object"),
        pd.Series(np.arange(rows) * 10**15),
        ["only"] * rows,
        [f"L{i}" for i in range(rows)],
    ]


def frame(r: Random, odd: float) -> pd.DataFrame:
    """``base`` with some columns in another dtype, other names, another index, fewer rows."""
    rows = r.choice((40, 40, 40, 12, 5, 3, 2, 1, 0)) if r.random() < odd else 40
    made = base(40, r.getrandbits(16)).iloc[:rows].copy()
    for _ in range(r.choice((1, 1, 2, 4)) if r.random() < 0.3 + 0.7 * odd else 0):
        column = r.choice(_columns(r, rows))
        made[r.choice(list(made.columns))] = column.set_axis(made.index) if isinstance(column, pd.Series) else column
    for name in list(made.columns):
        with suppress(TypeError, ValueError):  # a name or a hole that this dtype cannot have
            if r.random() < 0.15 * odd:
                made.loc[made.index[: r.choice((1, rows // 2, rows))], name] = np.nan if made[name].dtype.kind == "f" else None
            if r.random() < 0.03 * odd:
                new = r.choice((*words.HOSTILE_NAMES, "x", 1, None, 2.5, ("a", "b"), np.nan, True))
                made.columns = pd.Index([new if c is name else c for c in made.columns], dtype=object)
    if r.random() < 0.2 * odd:
        made.index = pd.Index(r.choice(([0] * rows, list(range(rows, 0, -1)), [None] * rows, [f"r{i}" for i in range(rows)])))
    if r.random() < 0.03 * odd:
        made.columns = pd.MultiIndex.from_product([["a"], [str(c).encode("utf-8", "replace").decode() for c in made.columns]])
    return made


# --------------------------------------------------------------------------------------------------------------- text


def _cell(r: Random, odd: float, value: Any) -> str:
    if r.random() < 0.05 * odd:
        return r.choice(
            (*words.HOSTILE_NUMBERS, *words.HOSTILE_NAMES, "2020-01-02", "01/02/2020", "12:30", "5%", "$5", "€ 5", "1.234,5", "1,234.5",
             "NA",
             "N/A", "-", "missing", "-99", "007", "1e5", " 1", "1 ", "\u00a01", "#DIV/0!", "TRUE", "T", "a\nb", 'say "hi"', "x" * 2000)
        )  # fmt: skip
    return "" if value is None or value != value else str(value)


def csv_bytes(r: Random, odd: float) -> bytes:
    """A CSV file in some dialect and encoding, more or less well formed."""
    table = base(r.choice((40, 20, 6, 2, 1, 0)) if r.random() < odd else 30, r.getrandbits(16))
    comma = r.choice((",", ",", ",", ";", "\t", "|", ":", " ")) if odd > 0.3 else ","
    end = r.choice(("\n", "\n", "\n", "\r\n", "\r", "\n\n")) if odd > 0.3 else "\n"
    quote = r.choice(('"', '"', "'", "")) if r.random() < odd else '"'

    def field(text: str) -> str:
        needs = any(c in text for c in (comma, '"', "\n", "\r"))
        if (needs or r.random() < 0.02) and r.random() > 0.1 * odd:
            return f"{quote}{text.replace(quote, quote * 2) if quote else text}{quote}"
        return text

    header = [words.name(r, 0.3, (str(c),)) if r.random() < 0.05 * odd else str(c) for c in table.columns]
    lines = [comma.join(field(h) for h in header)]
    for row in table.itertuples(index=False):
        line = comma.join(field(_cell(r, odd, v)) for v in row)
        if r.random() < 0.01 * odd:
            line = r.choice((line + comma, line.partition(comma)[2], line + '"', '"' + line, "", comma * 3, "# " + line, line * 3))
        lines.append(line)
    if r.random() < 0.05 * odd:
        lines = [r.choice(("1" + comma, "")) + line for line in lines]
    if r.random() < 0.01 * odd:
        wide = r.choice((2_000, 100_000))
        lines = [line + comma + comma.join(f"v{i}" if at == 0 else "1" for i in range(wide)) for at, line in enumerate(lines[:4])]
    text = r.choice(("", "", "", "\n", "# a comment\n", "sep=;\n", "\ufeff")) * (r.random() < odd) + end.join(lines) + r.choice(("", end))
    if r.random() < 0.1 * odd:
        text = words.mutated(r, text[:200], 1.0) + text[200:]
    encoding = (
        r.choice(("utf-8", "utf-8-sig", "latin-1", "cp1252", "utf-16", "utf-16-le", "utf-32", "cp932"))
        if r.random() < 0.2 * odd
        else "utf-8"
    )
    raw = text.encode(encoding, "surrogatepass" if encoding.startswith("utf") else "replace")
    if r.random() < 0.1 * odd:
        raw = damaged(r, raw)
    return (
        r.choice((b"", b"\0", b"\n", b"y", b"y,x", b"PK\x03\x04", b'"', b"\xff\xfe", b"\xef\xbb\xbf", b"y,x\n" * 2))
        if r.random() < 0.02 * odd
        else raw
    )


def damaged(r: Random, raw: bytes) -> bytes:
    """The bytes with some changed, cut off or put in."""
    data = bytearray(raw)
    for _ in range(r.choice((1, 1, 2, 5, 30))):
        at = r.randrange(len(data) + 1)
        match r.randrange(4):
            case 0:
                data[at : at + 1] = bytes([r.randrange(256)])
            case 1:
                del data[at : at + r.choice((1, 4, 100))]
            case 2:
                data[at:at] = bytes(r.randrange(256) for _ in range(r.choice((1, 4, 50))))
            case 3:
                data[at : at + 8] = r.choice((b"\xff", b"\0")) * 8
    return bytes(data[: r.randrange(len(data) + 1)] if r.random() < 0.3 else data)


# -------------------------------------------------------------------------------------------------------------- files


def _as_bytes(r: Random, ending: str, table: pd.DataFrame) -> bytes:
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if ending == ".parquet":
            table.to_parquet(buffer, compression=r.choice(("snappy", "gzip", None)))
        elif ending == ".dta":
            labels = {"o": {1: "one", 2: "two", 3: "three", **({4: "four"} if r.random() < 0.7 else {})}} if "o" in table else {}
            version = r.choice((114, 117, 118, 119))
            table.to_stata(buffer, write_index=False, version=version, value_labels=labels)
        else:
            return table.to_csv(index=False).encode()
    return buffer.getvalue()


def _write_sav(r: Random, table: pd.DataFrame, path: Path) -> None:
    import pyreadstat

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        labels = {"o": {1: "one", 2: "two", 3: "three", 4: "four"}, "b": {0: "no"}}
        pyreadstat.write_sav(
            table, str(path), variable_value_labels=labels, compress=path.suffix == ".zsav", row_compress=path.suffix == ".sav"
        )


def file(r: Random, odd: float, folder: Path) -> Path:
    """A data file in ``folder``: its kind, its name and its bytes fit together where ``odd`` is small."""
    ending = r.choice((".csv", ".csv", ".csv", ".csv", ".tsv", ".csv.gz", ".parquet", ".dta", ".sav", ".zsav"))
    written = {".tsv": ".csv", ".csv.gz": ".csv"}.get(ending, ending)
    path = folder / f"data{ending}"
    if written == ".csv":
        raw = csv_bytes(r, odd)
        raw = gzip.compress(raw) if ending == ".csv.gz" else raw.replace(b",", b"\t") if ending == ".tsv" else raw
    else:
        table = base(30, r.getrandbits(16))
        if written in (".sav", ".zsav"):
            _write_sav(r, table, path)
            raw = path.read_bytes()
        else:
            raw = _as_bytes(r, written, table)
    if ending != ".csv" and r.random() < 0.5 * odd:
        raw = damaged(r, raw)
    if r.random() < 0.1 * odd:
        path.unlink(missing_ok=True)
        path = folder / f"data{r.choice(('.csv', '.parquet', '.dta', '.sav', '.xlsx', '.rds', '.CSV', '.txt.gz', '', '.json', '.feather'))}"
    path.write_bytes(raw)
    return _odd_place(r, path, folder) if r.random() < 0.08 * odd else path


def _odd_place(r: Random, path: Path, folder: Path) -> Path:
    """A place that is no file, or a file that cannot be read."""
    other = folder / "other.csv"
    match r.randrange(8):
        case 0:
            other.mkdir()
        case 1:
            os.mkfifo(other)
        case 2:
            other.symlink_to(other)
        case 3:
            other.symlink_to(path)
        case 4:
            path.chmod(0)
            return path
        case 5:
            return Path(r.choice(("/dev/null", "/dev/zero", "/proc/self/mem", "/dev/tty", "/", "", ".", "..")))
        case 6:
            return folder / ("n" * r.choice((240, 300, 5000)) + ".csv")
        case 7:
            return folder / r.choice(("a\0b.csv", "\ud800.csv", "~nobody/x.csv", "no/such.csv", "http://x/y.csv"))
    return other
