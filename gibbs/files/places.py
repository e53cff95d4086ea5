"""A place for a folder that is written at the end of long work: reserved when the work begins, filled beside it, put there in one step.

``reserve`` takes a lock on a hidden file beside the place, so that two runs cannot have one place; the lock ends with its process, however
that ends. ``Place.fill`` makes a hidden folder beside the place, has it filled, brings it to the disk, and renames it. What stands under
the name is a whole folder at every moment:

    nothing there, or an empty folder    one rename
    an older folder of ours (``force``)  the user's own files are linked into the new folder, then the two folders change names in one step
                                         (Linux, macOS); where the file system cannot do that the older one is renamed first, and
                                         ``recover`` puts it back should the process die in between
    anything else, meanwhile             the new folder gets the next free name beside it (``one-2``)

Nothing that a dead process left is deleted; ``Place.notes`` says what there is.
"""

from __future__ import annotations

import ctypes
import errno
import hashlib
import itertools
import os
import shutil
import socket
import stat
import sys
import tempfile
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from gibbs import signals
from gibbs.errors import OutputError

RESCUED = "gibbs-rescued-"
_TAKEN = {errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR, errno.EISDIR, errno.EBUSY}


@dataclass(frozen=True)
class Kind:
    """What is written: ``word`` for messages, the names of its ``files``, and whether a folder ``holds`` one."""

    word: str
    files: Collection[str]
    holds: Callable[[Path], bool]


@dataclass
class Place:
    """A reserved place. ``notes``: what was found of dead processes. ``moved``: "" or where the folder stands instead, and why."""

    target: Path
    kind: Kind
    force: bool
    notes: tuple[str, ...] = ()
    moved: str = ""

    def fill(self, write: Callable[[Path], None]) -> Path:
        """Have ``write`` fill a new folder, and put it in place; gives the folder's path. After an error nothing of it is left.

        OutputError where it cannot be written.
        """
        partial = _sibling(self.target, "partial")
        try:
            partial.mkdir()
            write(partial)
            with signals.deferred():
                _bring_to_disk(partial)
                return self._put(partial)
        except BaseException as error:
            shutil.rmtree(partial, ignore_errors=True)
            if isinstance(error, OSError):
                problem = f"the {self.kind.word} cannot be written: {error.strerror or error}."
                raise OutputError(problem, where=str(self.target)) from error
            raise

    def fill_somewhere(
        self, write: Callable[[Path], None], *, rescue: str | os.PathLike[str] | None = None, otherwise: str
    ) -> tuple[Path, tuple[str, ...]]:
        """``fill``, or the same in a second place; gives the folder, and in a sentence each what is not as it was asked for.

        rescue : the second place; the system's folder for temporary files where None, and where that fails too.

        Raises OutputError, with exit code 1, where nothing can be written anywhere; its last sentence is ``otherwise``.
        """
        try:
            written = self.fill(write)
            signals.wrote(f"the {self.kind.word} is in '{written}'")
            return written, (self.moved,) if self.moved else ()
        except OutputError as error:
            first = error
        said = [first.message]
        for second in _second_places(rescue):
            folder = None
            try:
                folder = second()
                target = folder / self.target.name
                with reserve(target, self.kind, where=str(target)) as other:
                    written = other.fill(write)
                signals.wrote(f"the {self.kind.word} is in '{written}'")
                return written, (f"'{self.target}': {first.message} The {self.kind.word} is in '{written}' instead.",)
            except (OutputError, OSError) as error:
                said.append(str(error))
                if folder is not None and folder.name.startswith(RESCUED):
                    with suppress(OSError):
                        folder.rmdir()
        failed = OutputError(f"{said[0]} Nor anywhere else: {' '.join(said[1:])} {otherwise}", where=str(self.target))
        failed.exit_code = 1
        raise failed from first

    def _put(self, partial: Path) -> Path:
        """Rename ``partial`` to the place, or to the next one that is free."""
        former = self._former()
        if former is not None and _carry(former, partial, self.kind.files):
            _bring_to_disk(partial)
            _replace(partial, former, self.kind.files)
            return former
        for target in self._names():
            if target != self.target and os.path.lexists(target):
                continue
            try:
                os.rename(partial, target)
            except OSError as error:
                if error.errno not in _TAKEN:
                    raise
                continue
            if target != self.target:
                self.moved = f"'{self.target}' was taken meanwhile, so the {self.kind.word} is in '{target}'."
            sync_folder(target.parent)
            return target
        raise AssertionError("unreachable")

    def _former(self) -> Path | None:
        """The folder that may be replaced."""
        return self.target if self.force and self.target.is_dir() and self.kind.holds(self.target) else None

    def _names(self) -> Iterator[Path]:
        yield self.target
        for number in itertools.count(2):
            yield self.target.with_name(f"{self.target.name}-{number}")


@contextmanager
def reserve(target: Path, kind: Kind, *, force: bool = False, where: str = "") -> Iterator[Place]:
    """The place ``target`` (absolute) for this process alone. OutputError where another has it, or where nothing can be written there.

    The folders above it are made, and gone again where nothing came of it.
    """
    made: list[Path] = []
    lock = None
    try:
        try:
            lock = _lock(target, made)
        except OSError as error:
            path = target.with_name(hidden(target, "lock"))
            if path.is_symlink() or path.is_dir():
                raise OutputError(f"'{path}' is in the place of a file that every {kind.word} needs; remove it.", where=where) from error
            raise OutputError(f"'{target.parent}' cannot be written to: {error.strerror or error}.", where=where) from error
        if isinstance(lock, str):
            raise OutputError(
                f"another {kind.word} is being written to this folder ({lock}). Choose another folder, or wait until it has ended.",
                where=where,
            )
        dead = lock.former
        with signals.at_the_end(lambda: _release(lock, made)):
            yield Place(target, kind, force, (*recover(target, kind), *([dead] if dead else [])))
    finally:
        if not isinstance(lock, str):
            _release(lock, made)


def busy(target: Path) -> str:
    """Which process is at work on ``target``, or ""; changes nothing."""
    path = target.with_name(hidden(target, "lock"))
    try:
        handle = os.open(path, os.O_RDWR | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0))
    except OSError:
        return ""
    try:
        said = os.read(handle, 1000).decode("utf-8", "replace")
        free = _seize(handle)
        return "" if free or (free is None and not _alive(said)) else _shown(said)
    finally:
        os.close(handle)


def recover(target: Path, kind: Kind) -> tuple[str, ...]:
    """What dead processes left beside ``target``, in a sentence each. A folder that one had set aside and not replaced is put back."""
    notes = []
    for found in sorted(target.parent.glob(f"{_escaped(hidden(target, 'former'))}-*")):
        if not os.path.lexists(target):
            os.rename(found, target)
            notes.append(f"a process that was to replace '{target}' was killed; the {kind.word} that was there is back in its place.")
        else:
            notes.append(f"'{found}' is what was in '{target.name}' before a process that replaced it was killed; nothing needs it.")
    for found in sorted(target.parent.glob(f"{_escaped(hidden(target, 'partial'))}-*")):
        whole = "a whole one" if kind.holds(found) else "not whole"
        notes.append(
            f"'{found}' was left by a process that was killed while it wrote a {kind.word} ({whole}, {size(found) / 1e6:,.1f} MB); "
            "rename it or delete it as you like."
        )
    return tuple(notes)


def _second_places(rescue: str | os.PathLike[str] | None) -> list[Callable[[], Path]]:
    """Folders to try, made when they are asked for."""
    own = [] if rescue is None else [lambda: Path(os.path.realpath(os.path.expanduser(rescue)))]
    return [*own, lambda: Path(tempfile.mkdtemp(prefix=RESCUED))]


# ---------------------------------------------------------------------------------------------------------------- names


def hidden(target: Path, word: str) -> str:
    """``.NAME.word``, cut where it would be longer than a file system takes."""
    name = target.name
    if len(os.fsencode(name)) > 180:
        name = f"{name[:40]}~{hashlib.sha256(os.fsencode(name)).hexdigest()[:16]}"
    return f".{name}.{word}"


def _escaped(name: str) -> str:
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in name)


def _sibling(target: Path, word: str) -> Path:
    """A hidden name beside ``target`` that nothing has."""
    for number in itertools.count():
        path = target.with_name(f"{hidden(target, word)}-{os.getpid()}-{number}")
        if not os.path.lexists(path):
            return path
    raise AssertionError("unreachable")


def size(folder: Path) -> int:
    """Bytes of the files in a folder; 0 where there is none."""
    total = 0
    for parent, _, files in os.walk(folder):
        for file in files:
            with suppress(OSError):
                total += os.lstat(os.path.join(parent, file)).st_size
    return total


# ----------------------------------------------------------------------------------------------------------------- lock


@dataclass
class _Lock:
    """An open file that this process has locked; ``former``: a sentence on a dead process that had it."""

    path: Path
    handle: int
    former: str = ""


def _lock(target: Path, made: list[Path]) -> _Lock | str:
    """The lock of ``target``, or who has it. Adds the folders that it makes to ``made``, innermost first."""
    path = target.with_name(hidden(target, "lock"))
    flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0)
    while True:
        missing = list(itertools.takewhile(lambda parent: not parent.exists(), target.parents))
        for parent in reversed(missing):
            with suppress(FileExistsError):
                parent.mkdir()
                made.insert(0, parent)
        try:
            handle = os.open(path, flags, 0o644)
        except FileNotFoundError:  # another process that had made the folder took it away again
            continue
        try:
            free = _seize(handle)
            said = os.read(handle, 1000).decode("utf-8", "replace")
            if free is None:
                free = not _alive(said)
            if not free:
                return _shown(said)
            if os.name != "nt" and not _same(handle, path):  # it had it, and took the file away while this one waited
                continue
            os.ftruncate(handle, 0)
            os.lseek(handle, 0, os.SEEK_SET)
            try:
                os.write(handle, f"{os.getpid()} {socket.gethostname()} {time.strftime('%Y-%m-%d %H:%M:%S')}\n".encode())
            except OSError:  # no room on the disk: the file would be left
                with suppress(OSError):
                    os.unlink(path)
                raise
            lock, handle = _Lock(path, handle, _dead(said, target)), -1
            return lock
        finally:
            if handle >= 0:
                os.close(handle)


def _seize(handle: int) -> bool | None:
    """Lock the file without waiting. None: this file system has no locks."""
    try:
        import fcntl
    except ImportError:
        import msvcrt

        try:
            os.lseek(handle, 1000, os.SEEK_SET)  # beyond the words, which others read
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
            os.lseek(handle, 0, os.SEEK_SET)
        except OSError:
            os.lseek(handle, 0, os.SEEK_SET)
            return False
        return True
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return False if error.errno in (errno.EAGAIN, errno.EACCES, errno.EWOULDBLOCK) else None
    return True


def _same(handle: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(handle), os.stat(path))
    except FileNotFoundError:
        return False


def _alive(said: str) -> bool:
    """Whether the process that wrote this may still run; of another machine's nobody knows."""
    number, _, rest = said.partition(" ")
    if not number.isdigit():
        return False
    if rest.split(" ")[0] != socket.gethostname():
        return True
    try:
        os.kill(int(number), 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _shown(said: str) -> str:
    number, _, rest = said.strip().partition(" ")
    host, _, since = rest.partition(" ")
    words = f"process {number} on {host}, since {since}" if number.isdigit() and since else "by a process that has not said which it is"
    return "".join(letter for letter in words if letter.isprintable())


def _dead(said: str, target: Path) -> str:
    return f"a run that was to be written to '{target}' ({_shown(said)}) was killed." if said.strip() else ""


def _release(lock: _Lock | None, made: list[Path]) -> None:
    """Give the place free again, and take away folders that were made for nothing."""
    if lock is not None and lock.handle >= 0:
        handle, lock.handle = lock.handle, -1
        with suppress(OSError):
            os.ftruncate(handle, 0)  # with its folder it may have another name by now, and stays there: nobody was killed
        ours = os.name == "nt" or _same(handle, lock.path)
        if os.name == "nt":  # an open file cannot be removed there
            os.close(handle)
            handle = -1
        if ours:
            with suppress(OSError):
                os.unlink(lock.path)
        if handle >= 0:
            os.close(handle)
    for parent in made:
        with suppress(OSError):  # not empty
            parent.rmdir()


# ------------------------------------------------------------------------------------------------- replacing a folder


def _carry(former: Path, new: Path, files: Collection[str]) -> bool:
    """Link what is the user's own in ``former`` into ``new``. False, and nothing done, where a name of theirs is one of ours."""
    own = [entry for entry in os.scandir(former) if entry.name not in files or entry.is_dir(follow_symlinks=False)]
    if any(os.path.lexists(new / entry.name) for entry in own):
        return False
    for entry in own:
        _twin(Path(entry.path), new / entry.name)
    return True


def _twin(old: Path, new: Path) -> None:
    """Give a file a second name, or make a copy where the file system has no links; folders entry by entry."""
    about = os.lstat(old)
    if stat.S_ISLNK(about.st_mode):
        os.symlink(os.readlink(old), new)
        return
    if not stat.S_ISDIR(about.st_mode):
        try:
            os.link(old, new)
        except OSError:
            shutil.copy2(old, new)
        return
    os.mkdir(new)
    for entry in os.scandir(old):
        _twin(Path(entry.path), new / entry.name)
    shutil.copystat(old, new)


def _replace(new: Path, target: Path, files: Collection[str]) -> None:
    """``target`` becomes ``new``; what it was goes, except what the user has written into it since ``_carry``."""
    former = new
    if not exchange(new, target):
        former = _sibling(target, "former")
        os.rename(target, former)
        try:
            os.rename(new, target)
        except BaseException:
            os.rename(former, target)
            raise
    sync_folder(target.parent)
    with suppress(OSError):
        if _rescue_late(former, target, files):
            shutil.rmtree(former, ignore_errors=True)


def _rescue_late(former: Path, target: Path, files: Collection[str]) -> bool:
    """Move what was written into the folder while it was being replaced. False where something could not be moved."""
    done = True
    for entry in os.scandir(former):
        old, new = Path(entry.path), target / entry.name
        try:
            if entry.name in files and not entry.is_dir(follow_symlinks=False):
                continue
            if not os.path.lexists(new):
                os.rename(old, new)
            elif entry.is_dir(follow_symlinks=False):
                done = _rescue_late(old, new, ()) and done
            elif entry.is_file(follow_symlinks=False) and os.lstat(old).st_mtime_ns > os.lstat(new).st_mtime_ns:
                os.replace(old, new)
        except OSError:
            done = False
    return done


def exchange(one: Path, other: Path) -> bool:
    """Swap two names in one step; False where the system or the file system cannot."""
    try:
        library = ctypes.CDLL(None, use_errno=True)
        names = os.fsencode(one), os.fsencode(other)
        if sys.platform == "darwin":
            return library.renamex_np(*names, ctypes.c_uint(2)) == 0
        here = ctypes.c_int(-100)  # AT_FDCWD; relative names are of no use here, and none are given
        return library.renameat2(here, names[0], here, names[1], ctypes.c_uint(2)) == 0
    except (AttributeError, OSError, TypeError):
        return False


# ------------------------------------------------------------------------------------------------------------- the disk


def _bring_to_disk(folder: Path) -> None:
    """Files first, then their folders: after a power cut a name that is there leads to what was written."""
    for parent, _, files in os.walk(folder, topdown=False):
        for file in files:
            path = os.path.join(parent, file)
            if not stat.S_ISREG(os.lstat(path).st_mode):
                continue
            try:
                handle = os.open(path, os.O_RDONLY if os.name != "nt" else os.O_RDWR)
            except PermissionError:  # a file of the user's that was linked
                continue
            try:
                os.fsync(handle)
            finally:
                os.close(handle)
        sync_folder(Path(parent))


def sync_folder(folder: Path) -> None:
    """What was renamed in the folder is on the disk, as far as the file system has that."""
    if os.name == "nt":
        return
    with suppress(OSError):  # not every file system has it for folders
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
