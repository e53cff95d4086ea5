"""Compiled code in files: whatever happens to them, what is called is the right code, and one line says what was found."""

from __future__ import annotations

import errno
import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
from numba import config

from gibbs.kernels import compiled

ROOT = Path(__file__).resolve().parents[2]
SOURCE = "from gibbs.kernels.compiling import inlined\n\n@inlined\ndef twice(x):\n    return x + x\n"


@pytest.fixture(name="folder")
def _folder(tmp_path: Path) -> Path:
    """A module with one kernel in it."""
    (tmp_path / "module.py").write_text(SOURCE, encoding="utf-8")
    compiled.problems()
    return tmp_path


def _module(folder: Path) -> ModuleType:
    found = importlib.util.spec_from_file_location("module_of_a_test", folder / "module.py")
    assert found is not None and found.loader is not None
    made = sys.modules["module_of_a_test"] = importlib.util.module_from_spec(found)  # code that is loaded looks for its module by name
    found.loader.exec_module(made)
    return made


def load(folder: Path) -> ModuleType:
    """The module as a new process would have it, its compiled code in ``folder/cache``."""
    given = config.CACHE_DIR
    config.CACHE_DIR = str(folder / "cache")
    try:
        made = _module(folder)
    finally:
        config.CACHE_DIR = given
    return made


def hits(module: ModuleType) -> int:
    return sum(module.twice.stats.cache_hits.values())


def files(folder: Path, ending: str) -> list[Path]:
    return sorted((folder / "cache").rglob(f"*.{ending}"))


def test_code_that_is_whole_is_not_compiled_again(folder: Path) -> None:
    first = load(folder)
    assert first.twice(2) == 4 and first.twice(1.5) == 3.0 and hits(first) == 0
    again = load(folder)
    assert again.twice(2) == 4 and again.twice(1.5) == 3.0 and hits(again) == 2
    assert len(files(folder, "nbi")) == 1 and len(files(folder, "nbc")) == 2 and compiled.problems() == ""


def changed(contents: bytes, how: str) -> bytes:
    middle = len(contents) // 2
    return {
        "empty": b"",
        "half": contents[:middle],
        "one byte short": contents[:-1],
        "a letter": contents[:1],
        "one bit": contents[:middle] + bytes([contents[middle] ^ 1]) + contents[middle + 1 :],
        "one bit of the head": contents[:20] + bytes([contents[20] ^ 1]) + contents[21:],
        "longer": contents + b"\0",
        "zeros": bytes(len(contents)),
        "text": b"not compiled code",
        "a pickle": b"\x80\x04K\x01.",
    }[how]


@pytest.mark.parametrize("which", ["nbi", "nbc"])
@pytest.mark.parametrize(
    "how", ["empty", "half", "one byte short", "a letter", "one bit", "one bit of the head", "longer", "zeros", "text", "a pickle"]
)
def test_damaged_files_are_compiled_again(folder: Path, which: str, how: str) -> None:
    assert load(folder).twice(2) == 4
    (file,) = files(folder, which)
    whole = file.read_bytes()
    file.write_bytes(changed(whole, how))
    damaged = load(folder)
    assert damaged.twice(2) == 4 and hits(damaged) == 0
    said = compiled.problems()
    assert "could not be read" in said and "compiled again" in said and str(file.parent) in said and "\n" not in said
    assert compiled.problems() == ""
    mended = load(folder)
    assert mended.twice(2) == 4 and hits(mended) == 1 and compiled.problems() == ""


@pytest.mark.parametrize("which", ["nbi", "nbc"])
def test_a_folder_in_the_place_of_a_file(folder: Path, which: str) -> None:
    assert load(folder).twice(2) == 4
    (file,) = files(folder, which)
    file.unlink()
    file.mkdir()
    module = load(folder)
    assert module.twice(2) == 4 and hits(module) == 0
    assert "could not be read" in (said := compiled.problems()) and "cannot be kept" in said


def test_a_file_that_is_gone(folder: Path) -> None:
    assert load(folder).twice(2) == 4
    files(folder, "nbc")[0].unlink()
    module = load(folder)
    assert module.twice(2) == 4 and hits(module) == 0 and compiled.problems() == ""
    assert hits(load(folder)) == 0


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EDQUOT, errno.EFBIG])
def test_a_cache_that_cannot_be_written_is_done_without(folder: Path, monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    def fail(*arguments: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(compiled.os, "replace", fail)
    module = load(folder)
    assert module.twice(2) == 4 and module.twice(0.5) == 1.0
    said = compiled.problems()
    assert said.count("cannot be kept") == 1 and os.strerror(code) in said and "NUMBA_CACHE_DIR" in said and "\n" not in said
    assert not [path for path in folder.rglob("*") if ".tmp." in path.name]


def test_a_cache_whose_folder_cannot_be_made(folder: Path) -> None:
    (folder / "cache").write_text("a file")
    module = load(folder)
    assert module.twice(2) == 4
    said = compiled.problems()
    assert said.count("cannot be kept") == 1 and "No such file" not in said and "could not be read" not in said


def test_a_full_cache_that_is_read_only_is_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert load(folder).twice(2) == 4
    monkeypatch.setattr(compiled.os, "makedirs", lambda *a, **k: (_ for _ in ()).throw(OSError(errno.EROFS, "read-only")))
    monkeypatch.setattr(compiled.os, "replace", lambda *a, **k: (_ for _ in ()).throw(OSError(errno.EROFS, "read-only")))
    module = load(folder)
    assert module.twice(2) == 4 and hits(module) == 1 and compiled.problems() == ""


def test_no_folder_at_all(folder: Path) -> None:
    given = config.CACHE_DIR
    config.CACHE_DIR = ""
    try:
        made = _module(folder)
    finally:
        config.CACHE_DIR = given
    assert made.twice(2) == 4
    assert "is not kept" in compiled.problems()


def test_code_of_another_processor_is_not_run(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The index is by processor and its features; on another one the code is compiled beside, and both stay."""
    from numba.core.codegen import CPUCodegen

    assert load(folder).twice(2) == 4
    monkeypatch.setattr(CPUCodegen, "magic_tuple", lambda self: ("x86_64-unknown-linux-gnu", "another", "+sse2"))
    other = load(folder)
    assert other.twice(2) == 4 and hits(other) == 0
    monkeypatch.undo()
    again = load(folder)
    assert again.twice(2) == 4 and hits(again) == 1 and compiled.problems() == ""


def test_code_of_another_version_under_the_same_name_is_not_run(folder: Path) -> None:
    """Numba numbers the versions of a kernel: two processes that compile two of them at once both write number 1."""
    module = load(folder)
    assert module.twice(2) == 4 and module.twice(1.5) == 3.0
    one, other = files(folder, "nbc")
    one.write_bytes(other.read_bytes())
    module = load(folder)
    assert module.twice(2) == 4 and module.twice(1.5) == 3.0 and hits(module) == 1
    assert str(one.parent) in compiled.problems()


BOTH = """
import sys
from pathlib import Path
from tests.kernels.test_compiled import load
from gibbs.kernels import compiled
module = load(Path(sys.argv[1]))
print(module.twice({}), compiled.problems())
"""


def test_processes_that_compile_at_once(folder: Path) -> None:
    arguments = ("2", "1.5", "2", "1.5j")
    start = [sys.executable, "-c"]
    running = [subprocess.Popen([*start, BOTH.format(a), str(folder)], cwd=ROOT, stdout=subprocess.PIPE, text=True) for a in arguments]
    assert [process.communicate()[0].split() for process in running] == [["4"], ["3.0"], ["4"], ["3j"]]
    module = load(folder)
    assert [module.twice(eval(a)) for a in arguments] == [4, 3.0, 4, 3j] and compiled.problems() == ""


class Alike:
    """A key that tells nothing of itself."""

    def __init__(self, number: int) -> None:
        self.number = number

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Alike) and self.number == other.number

    def __hash__(self) -> int:
        return self.number

    def __repr__(self) -> str:
        return "one name"


def test_versions_whose_types_have_one_name_have_files_of_their_own(tmp_path: Path) -> None:
    files = compiled._Files(str(tmp_path), "kernel", "stamp")
    for number in (1, 2, 1):
        files.save(Alike(number), f"code {number}")
    assert [files.load(Alike(number)) for number in (1, 2, 3)] == ["code 1", "code 2", None]
    assert len(list(tmp_path.glob("*.nbc"))) == 2


def test_what_numba_implements_is_registered_where_it_is_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    class Context:
        asked = 0

        def refresh(self) -> None:
            self.asked += 1

    monkeypatch.setattr(compiled, "_registered", [])
    context = Context()
    assert compiled._unknown(["memcpy", "NRT_meminfo_new_from_pyobject"], context) == [] and context.asked == 0
    for _ in range(2):
        assert compiled._unknown(["memcpy", "no.such.name"], context) == ["no.such.name"] and context.asked == 1


def test_our_kernels_have_it() -> None:
    from gibbs.kernels import sweep

    sweep.run_chunk.keep()
    assert isinstance(sweep.run_chunk._cache, compiled.KernelCache)
