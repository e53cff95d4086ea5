"""Reserving a place and putting a folder there: whoever else writes, and wherever the process is killed, what has a name is whole."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from gibbs.errors import OutputError
from gibbs.files import places

ROOT = Path(__file__).resolve().parents[2]
FILES = ("manifest.json", "draws.bin", "report.html")


def holds(folder: Path) -> bool:
    return (folder / "manifest.json").is_file()


KIND = places.Kind("run", FILES, holds)


def filled(word: str):
    """A writer of a folder whose every file says ``word``."""

    def write(folder: Path) -> None:
        for name in ("draws.bin", "manifest.json"):
            (folder / name).write_text(word, encoding="utf-8")

    return write


def put(target: Path, word: str, *, force: bool = False) -> tuple[Path, places.Place]:
    with places.reserve(target, KIND, force=force) as place:
        return place.fill(filled(word)), place


def contents(folder: Path) -> dict[str, str]:
    return {str(p.relative_to(folder)): p.read_text(encoding="utf-8") for p in sorted(folder.rglob("*")) if p.is_file()}


def beside(target: Path) -> list[str]:
    return sorted(p.name for p in target.parent.iterdir() if p != target)


# ------------------------------------------------------------------------------------------------------------ reserving


def test_one_place_for_one_run_at_a_time(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "runs" / "one"
    with places.reserve(target, KIND):
        with pytest.raises(OutputError, match=rf"another run is being written to this folder \(process {os.getpid()} on ") as caught:
            put(target, "second")
        assert caught.value.exit_code == 2
        put(target.with_name("two"), "another place")
    assert not target.exists() and beside(target) == ["two"]
    assert put(target, "third")[0] == target


def test_folders_that_were_made_for_nothing_go_again(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), places.reserve(tmp_path / "a" / "b" / "one", KIND) as place:
        place.fill(lambda folder: 1 / 0)  # type: ignore[arg-type,return-value]
    assert list(tmp_path.iterdir()) == []


def test_many_at_once_never_share_a_place(tmp_path: Path) -> None:
    target, together = tmp_path / "runs" / "one", threading.Barrier(12)
    wrote, refused = [], []

    def work(number: int) -> None:
        together.wait()
        try:
            with places.reserve(target, KIND) as place:
                wrote.append((number, place.fill(filled(str(number)))))
        except OutputError:
            refused.append(number)

    workers = [threading.Thread(target=work, args=(n,)) for n in range(12)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(wrote) + len(refused) == 12 and wrote
    assert len({folder for _, folder in wrote}) == len(wrote)
    for number, folder in wrote:
        assert contents(folder) == {"draws.bin": str(number), "manifest.json": str(number)}
    assert sorted(p.name for p in target.parent.iterdir()) == sorted(folder.name for _, folder in wrote)


def test_where_the_file_system_has_no_locks_the_name_of_the_process_decides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "_seize", lambda handle: None)
    target = tmp_path / "one"
    with places.reserve(target, KIND), pytest.raises(OutputError, match="another run"):
        put(target, "second")
    gone = subprocess.run(
        [sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, text=True, check=True
    ).stdout.strip()
    lock = tmp_path / ".one.lock"
    lock.write_text(f"{gone} {places.socket.gethostname()} 2026-01-01 00:00:00\n")
    _, place = put(target, "third")
    assert any("was killed" in note and gone in note for note in place.notes)
    lock.write_text(f"{gone} another-machine 2026-01-01 00:00:00\n")
    with pytest.raises(OutputError, match="on another-machine, since 2026-01-01"):
        put(target, "fourth", force=True)


def test_who_lets_go_of_a_place_takes_nobody_elses_lock_away(tmp_path: Path) -> None:
    """A folder that was renamed under a process, and another one in its place; or a lock that somebody deleted."""
    runs, target = tmp_path / "runs", tmp_path / "runs" / "one"
    runs.mkdir()
    with places.reserve(target, KIND):
        runs.rename(tmp_path / "old")
        with places.reserve(target, KIND) as other:
            first = places.busy(target)
            with pytest.raises(OutputError, match="another run"):
                put(target, "third")
            inner = other
        assert first and inner.target == target
    with places.reserve(tmp_path / "old" / "one", KIND) as place:
        assert place.notes == ()  # that process was not killed
    left = places.reserve(target, KIND)
    with left:
        (runs / ".one.lock").unlink()
        later = places.reserve(target, KIND)
        later.__enter__()
    assert places.busy(target)
    later.__exit__(None, None, None)
    assert not (runs / ".one.lock").exists()


@pytest.mark.parametrize("what", ["folder", "link"])
def test_something_in_the_place_of_the_lock_is_named(tmp_path: Path, what: str) -> None:
    lock = tmp_path / ".one.lock"
    lock.mkdir() if what == "folder" else lock.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OutputError, match=r"\.one\.lock' is in the place of a file that every run needs"):
        put(tmp_path / "one", "new")
    assert beside(tmp_path / "one") == [".one.lock"]


def test_a_disk_that_has_no_room_for_the_lock_keeps_nothing_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(handle: int, words: bytes) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(places.os, "write", full)
    with pytest.raises(OutputError, match="cannot be written to: No space left"):
        put(tmp_path / "runs" / "one", "new")
    assert list(tmp_path.iterdir()) == []


# ------------------------------------------------------------------------------------------------- a place that is taken


@pytest.mark.parametrize("taken", ["run", "folder", "file"])
@pytest.mark.parametrize("force", [False, True])
def test_a_place_that_is_taken_meanwhile(tmp_path: Path, taken: str, force: bool) -> None:
    target = tmp_path / "one"
    (tmp_path / "one-2").mkdir()
    with places.reserve(target, KIND, force=force) as place:
        if taken == "file":
            target.write_text("theirs")
        else:
            target.mkdir()
            (target / ("manifest.json" if taken == "run" else "thesis.tex")).write_text("theirs")
        written = place.fill(filled("ours"))
    if taken == "run" and force:  # what --force is for
        assert written == target and place.moved == ""
        return
    assert written == tmp_path / "one-3" and contents(written)["draws.bin"] == "ours"
    assert str(target) in place.moved and str(written) in place.moved
    assert target.read_text() == "theirs" if taken == "file" else list(contents(target).values()) == ["theirs"]


# ------------------------------------------------------------------------------------------------------------ replacing


def old_run(target: Path) -> dict[str, str]:
    """A run with files of the user's in it; gives those."""
    put(target, "old")
    (target / "report.html").write_text("old")
    own = {"notes.txt": "mine", "plots/a.svg": "picture", "plots/deep/b.svg": "picture", "plots/report.html": "mine, too"}
    for name, words in own.items():
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        (target / name).write_text(words)
    (target / "link").symlink_to("notes.txt")
    return {**own, "link": "mine"}


@pytest.mark.parametrize("swap", [True, False])
@pytest.mark.parametrize("links", [True, False])
def test_replacing_keeps_what_is_the_users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, swap: bool, links: bool) -> None:
    target = tmp_path / "one"
    own = old_run(target)
    if not swap:
        monkeypatch.setattr(places, "exchange", lambda one, other: False)
    if not links:
        monkeypatch.setattr(os, "link", _no_links)
    written, place = put(target, "new", force=True)
    assert written == target and place.moved == "" and beside(target) == []
    assert contents(target) == {"draws.bin": "new", "manifest.json": "new", **own}
    assert (target / "link").is_symlink()


def _no_links(*arguments: object) -> None:
    raise OSError(errno.EPERM, "no links on this disk")


def test_what_is_written_into_it_at_the_last_moment_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target, swap = tmp_path / "one", places.exchange
    own = old_run(target)

    def late(one: Path, other: Path) -> bool:
        (target / "late.txt").write_text("late")
        (target / "plots" / "late.svg").write_text("late")
        (target / "notes.new").write_text("mine, changed")
        os.replace(target / "notes.new", target / "notes.txt")
        return swap(one, other)

    monkeypatch.setattr(places, "exchange", late)
    put(target, "new", force=True)
    expected = {**own, "late.txt": "late", "plots/late.svg": "late", "notes.txt": "mine, changed", "link": "mine, changed"}
    assert contents(target) == {"draws.bin": "new", "manifest.json": "new", **expected} and beside(target) == []


def test_a_folder_of_the_users_with_one_of_our_names_is_left_alone(tmp_path: Path) -> None:
    target = tmp_path / "one"
    put(target, "old")
    (target / "draws.bin").unlink()
    (target / "draws.bin").mkdir()
    (target / "draws.bin" / "thesis.tex").write_text("mine")
    before = contents(target)
    written, place = put(target, "new", force=True)
    assert written == tmp_path / "one-2" and "one-2" in place.moved and contents(target) == before


def test_everything_is_on_the_disk_before_it_has_the_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[tuple[str, str]] = []
    sync, rename = os.fsync, os.rename
    monkeypatch.setattr(os, "fsync", lambda handle: (done.append(("sync", os.readlink(f"/proc/self/fd/{handle}"))), sync(handle))[1])
    monkeypatch.setattr(os, "rename", lambda one, other: (done.append(("rename", str(other))), rename(one, other))[1])
    if not Path("/proc/self/fd").is_dir():
        pytest.skip("needs /proc")
    put(tmp_path / "one", "new")
    at = done.index(("rename", str(tmp_path / "one")))
    before = [Path(path).name for what, path in done[:at] if what == "sync"]
    assert {"draws.bin", "manifest.json"} <= set(before[:-1]) and before[-1].startswith(".one.partial-")
    assert ("sync", str(tmp_path)) in done[at:]


# ----------------------------------------------------------------------------------------------- killed at any operation

KILLED = """
import json, os, shutil, sys
from pathlib import Path
from gibbs.files import places
from tests.files.test_places import KIND, contents, filled, old_run

swap, old, folder = sys.argv[1] == "swap", sys.argv[2] == "old", Path(sys.argv[3])
EVENTS = {"open", "os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.link", "os.symlink", "os.chmod", "os.utime", "os.truncate",
          "os.listdir", "os.scandir", "fcntl.flock", "shutil.rmtree", "shutil.copystat", "ctypes.dlsym", "os.chflags", "os.setxattr"}
left = [-1]

def hook(event, arguments):
    if left[0] >= 0 and event in EVENTS:
        if left[0] == 0:
            os._exit(9)
        left[0] -= 1

sys.addaudithook(hook)
if not swap:
    places.exchange = lambda one, other: False
found = []
for k in range(1000):
    target = folder / str(k) / "one"
    target.parent.mkdir()
    own = old_run(target) if old else {}
    child = os.fork()
    if child == 0:
        left[0] = k
        with places.reserve(target, KIND, force=True) as place:
            place.fill(filled("new"))
        left[0] = -1
        os._exit(0)
    over = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    state = contents(target) if target.is_dir() else None
    with places.reserve(target, KIND, force=True) as place:
        notes, recovered = place.notes, contents(target) if target.is_dir() else None
        place.fill(filled("newer"))
    after = contents(target)
    hidden = sorted(p.name for p in target.parent.iterdir() if p != target)
    found.append([over, own, state, list(notes), recovered, after, hidden])
    shutil.rmtree(target.parent)
    if over:
        break
print(json.dumps(found))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
@pytest.mark.parametrize("old", ["old", "nothing"])
@pytest.mark.parametrize("swap", ["swap", "two renames"])
def test_killed_at_any_operation(tmp_path: Path, swap: str, old: str) -> None:
    """The old folder or the new one, whole, has the name; with two renames, at one point neither, and the next run puts it back."""
    done = subprocess.run([sys.executable, "-c", KILLED, swap, old, str(tmp_path)], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    states = json.loads(done.stdout.splitlines()[-1])
    assert states[-1][0] and len(states) > (30 if old == "old" else 12)
    missing, seen = 0, set()
    for k, (over, own, state, notes, recovered, after, hidden) in enumerate(states):
        old_one = {"draws.bin": "old", "manifest.json": "old", "report.html": "old", **own} if old == "old" else None
        new_one = {"draws.bin": "new", "manifest.json": "new", **own}
        if state is None and old == "old":
            missing += 1
            assert swap == "two renames" and recovered == old_one and any("back in its place" in note for note in notes), k
        else:
            assert state in (old_one, new_one), k
            assert recovered == state, k
        assert after == {"draws.bin": "newer", "manifest.json": "newer", **own}, k
        left = [name for name in hidden if not name.endswith(".lock")]
        assert all(any(name in note for note in notes) for name in left), (k, left, notes)
        assert over or k == 0 or notes or state in (None, old_one, new_one)
        seen.add(None if state is None else state["draws.bin"])
    assert missing <= 1
    assert {"old", "new"} <= seen if old == "old" else {None, "new"} <= seen


def test_a_run_that_was_killed_is_told_of_at_the_next(tmp_path: Path) -> None:
    program = (
        "import os, sys; from pathlib import Path; from gibbs.files import places; from tests.files.test_places import KIND\n"
        "with places.reserve(Path(sys.argv[1]), KIND) as place:\n"
        "    place.fill(lambda folder: ((folder / 'draws.bin').write_text('half'), os._exit(9)))\n"
    )
    target = tmp_path / "a[b]*" / "one?"
    assert subprocess.run([sys.executable, "-c", program, str(target)], cwd=ROOT, check=False).returncode == 9
    written, place = put(target, "new")
    assert written == target and len(place.notes) == 2
    assert ".one?.partial-" in place.notes[0] and "not whole" in place.notes[0] and "was killed" in place.notes[1]
    assert [name.partition("-")[0] for name in beside(target)] == [".one?.partial"]


def test_names_as_long_as_a_file_system_takes(tmp_path: Path) -> None:
    for name in ("n" * 255, "ñ" * 127):
        assert put(tmp_path / name, "new")[0].name == name
    assert len(list(tmp_path.iterdir())) == 2
