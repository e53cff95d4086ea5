"""R's files, written by R 4.2 and stored here as text."""

from __future__ import annotations

import base64
import gzip
import lzma
from pathlib import Path

import numpy as np
import pytest

from gibbs.errors import DataError
from gibbs.model import data
from gibbs.model.records import DataSource, Spec

pytest.importorskip("rdata")

# d <- data.frame(y = c(1.5, NA, -0.25), n = c(3L, NA, 4L), f = factor(c("b", NA, "a"), levels = c("b", "a")),
#                 d = as.Date(c("2012-05-01", NA, "2013-01-01"))); d$g <- c("Áncash", NA, "01")
# d$s <- structure(c(1, 2, 9), labels = c(women = 1, men = 2, refused = 9), class = c("haven_labelled", "vctrs_vctr", "double"))
# class(d) <- c("tbl_df", "tbl", "data.frame"); saveRDS(d, "d.rds"); e <- data.frame(x = 1:2); x <- 3; save(d, e, x, file = "d.RData")
RDS = """
H4sIAAAAAAAAA5VSvU7DMBB27PwolaiQeAP2VsDE1gyIJwCJLXIShw5uItlpKibCq7DzDAzsFY/SkQXK2c7REIkBS7a++3z33Xdx7iaEEEZ8SgkLAJLg9uZ6
dgncCQQh7KlJWHwQux535oyeX98JriMrALtzsQ8QOa/nKNDUxHAbG10pWiE1oGN761gvQ8BH+UEuucb0H5GS502tAH1BN2sz2V50Q5vJ9qV3aeTofqTgX/FG
uHrLg+XO8NHbU5VzvQQY72H16fTsHBstdk426eWTUzJoNJiTZ3ZO+p+qoOIrgdMyJDf1SlR9wA4wUqJca1G4MX6NiaXTJW9FlVovEjIdO2nzRunUnOi2qNeZ
FAclH5VCfJgHBNjeKxGgrnePQI/milW9meNs5heh5rHg+37+YTxsMpkW2IFBhN4L3vB5qUDLuP0G/IQMtsUCAAA=
"""
RDATA = """
H4sIAAAAAAAAA5VSu07DMBR13rRSKyT+gJ2Kx8LWDBUfgEDqFjmJQ5HSBOL0wUT5FXa+gYG96pegjiy0XD9u00btgCUnx9fX555j39te/6rZbxJCLGKbJrEc
gMS5v7s5uyYQgYVBbNIQ/xiSTgC4MNviRPeHyPG6FF/v/XNBcLQkI8yZWtsAMWbomFkr4KZszFIO6Fju6rIhAlrLd6KUckzfkCQ0KvMC0AqqSZn+/HK2LdOf
f2iVgs5a1xjsHi2ZOi/jIHkm4t7XWxZRPgDYWMPQ6eb5BRbqLhWtr+n9U7JVaMsnDaVP8z+nnIwOGbq1MDjJhyzTC6uCXsGSEWexsrFjE4+2B3TMskBqSSFT
RZvjqCx4IL6oNs5HYcoqJgeZXHyYFwRY3kiqntHgAQGv+WoU+aSD3kSLmOKx4H5/Dwh3yzANYqxgwQq1x7SknaQArkpt1b5Mt68B81u132azHeXDJ2ic4DEr
OXuu7doh5UzHWpqhpTtEdZh+MHxK/O+5tI2c6YH223EhMtx17WJW+9xNtRbDP6pq/wGodl1g3gMAAA==
"""
# saveRDS(list(f = function(x) system("touch HACKED"), q = quote(system("touch HACKED"))), "code.rds")
CODE = """
H4sIAAAAAAAAA4vgYmBgYGZgYWJiYGYFMhlYQ0PcdC0YGJiEgRwmBgYWZiD9F0gD2QyMDCwMnCC6Akj8BuJ/QMyGJMFWXFlckpoL0coggCTDU5Jfmpyh4OHo
7O3qgtDJ9J84tSjWs+Yl5qYWQzUxwdyUBmMUgrQAAPLTeRvZAAAA
"""
NAMES = ["y", "n", "f", "d", "g", "s"]


def spec(tmp_path: Path, name: str, text: str = RDS, **options: object) -> Spec:
    (tmp_path / name).write_bytes(base64.b64decode(text))
    return Spec(formula="y ~ n + (1 | g)", data=DataSource(file=name, **options), path=tmp_path / "m.yaml")


def refused(made: Spec, names: list[str] = NAMES) -> str:
    with pytest.raises(DataError) as caught:
        data.read(made, None, names)
    return str(caught.value)


@pytest.mark.parametrize(("name", "text", "options"), [("d.rds", RDS, {}), ("d.RData", RDATA, {"sheet": "d"})])
def test_a_data_frame_is_read_as_r_has_it(tmp_path: Path, name: str, text: str, options: dict[str, str]) -> None:
    frame = data.read(spec(tmp_path, name, text, **options), None, NAMES).frame
    np.testing.assert_array_equal(frame["y"].to_numpy(float), [1.5, np.nan, -0.25])
    np.testing.assert_array_equal(frame["n"].to_numpy(float), [3, np.nan, 4])
    assert list(frame["f"].cat.categories) == ["b", "a"] and frame["f"].isna().tolist() == [False, True, False]
    assert frame["g"].iloc[0] == "Áncash" and frame["g"].isna().iloc[1] and frame["g"].iloc[2] == "01"
    assert frame["d"].dt.strftime("%Y-%m-%d").tolist()[::2] == ["2012-05-01", "2013-01-01"]
    assert frame["s"].tolist() == ["women", "men", "refused"]


def test_which_of_several(tmp_path: Path) -> None:
    assert "several data frames: d, e" in refused(spec(tmp_path, "d.RData", RDATA))
    assert "Did you mean" not in refused(spec(tmp_path, "d.RData", RDATA, sheet="q")) and "d, e" in refused(
        spec(tmp_path, "d.RData", RDATA, sheet="q")
    )
    np.testing.assert_array_equal(data.read(spec(tmp_path, "d.RData", RDATA, sheet="e"), None, ["x"]).frame["x"].to_numpy(float), [1, 2])
    assert "without a name" in refused(spec(tmp_path, "d.rds", sheet="d"))


def test_code_in_a_file_is_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    refused(spec(tmp_path, "code.rds", CODE))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["code.rds"]


def test_damaged_files(tmp_path: Path) -> None:
    whole = base64.b64decode(RDS)
    for cut in (b"", whole[:100], b"nothing of R's", gzip.compress(gzip.decompress(whole)[:200]), whole[:-20] + b"x" * 20):
        (tmp_path / "d.rds").write_bytes(cut)
        assert refused(Spec(formula="y ~ 1", data=DataSource(file="d.rds"), path=tmp_path / "m.yaml"))


def test_what_unpacks_to_too_much(tmp_path: Path) -> None:
    (tmp_path / "d.rds").write_bytes(lzma.compress(b"0" * 300_000_000, preset=0))
    assert "unpacks to more than" in refused(Spec(formula="y ~ 1", data=DataSource(file="d.rds"), path=tmp_path / "m.yaml"))
