"""``gibbs run SPEC SPEC …``: several specs, each a process of its own, a few at a time, each into its own folder.

Each process is ``gibbs run`` of one spec, so that draws, files, warnings and errors are those that the spec would have alone, and whatever
becomes of one (an error, a crash, too little memory) is no matter of the others.
"""

from __future__ import annotations

import argparse
import copy
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from gibbs import early, signals
from gibbs.commands import spec_arguments
from gibbs.commands.usage import UsageError
from gibbs.cores import usable_cores
from gibbs.errors import GibbsError, OutputError, nearest
from gibbs.terminal import complain, say_beside, say_words

POLL = 0.05
WAITING = 4
"""Processes at a time, for each core, that wait for the workers of a cluster more than they work."""
INTERRUPTED = early.EXIT_CODE
_VALUES = ("data", "subset", "seed", "chains", "warmup", "draws", "scheme", "rescue", "log")


@dataclass
class One:
    """One spec of several. ``error``: why it cannot be begun. ``target``: the folder that its run is written to."""

    spec: str
    folder: Path | None = None
    error: GibbsError | None = None
    process: subprocess.Popen[bytes] | None = None
    heard: IO[bytes] | None = None
    began: float = 0.0
    written: float | None = None  # when a run was written to the folder, before this one
    code: int | None = None

    @property
    def target(self) -> Path:
        return Path(os.path.realpath(os.path.expanduser(self.folder)))


def run(arguments: argparse.Namespace) -> int:
    """Draw the posteriors of all specs; gives the worst exit code.

    UsageError, before anything is begun, where a file is not there, and where two write to one place.
    """
    _refuse_what_is_not_there(arguments.spec)
    specs = [_look(spec, arguments) for spec in arguments.spec]
    _refuse_shared_folders(specs)
    if arguments.log:
        _check_log(arguments.log)
    with spec_arguments.workers(arguments, arguments.cores) as hands:
        if hands is None:
            at_a_time = max(1, min(len(specs), arguments.cores or usable_cores()))
            flags = [] if arguments.cores is None else [f"--cores={max(1, arguments.cores // at_a_time)}"]
            environment = {}
        else:  # the processes here decide and write; the chains are elsewhere
            at_a_time = max(1, min(len(specs), max(usable_cores(), min(hands.count, WAITING * usable_cores()))))
            flags, environment = [f"--on={hands.name}"], hands.environment()
        with signals.deferred():
            asked = _carry_out(specs, arguments, at_a_time, [*_flags(arguments), *flags], environment)
    if asked:
        signals.dealt_with()
    not_begun = [one.spec for one in specs if one.code is None]
    if not_begun:
        complain(f"interrupted; not begun: {', '.join(not_begun)}")
    good = sum(one.code == 0 for one in specs)
    if not arguments.quiet:
        say_words(
            f"{good} of {len(specs)} specs done and converged." if good < len(specs) else f"All {len(specs)} specs done and converged."
        )
    return max([INTERRUPTED if not_begun else 0, *(one.code for one in specs if one.code is not None)])


def _refuse_what_is_not_there(specs: Sequence[str]) -> None:
    """UsageError where a word names no file: more likely a slip on the command line than a spec that is wrong."""
    for path in specs:
        if not os.path.lexists(os.path.expanduser(path)):
            near = [p.name for p in Path(os.path.expanduser(path)).parent.glob("*.y*ml")]
            raise UsageError(f"there is no file '{path}'.{nearest(Path(path).name, near)} Nothing was begun.")


def _look(path: str, arguments: argparse.Namespace) -> One:
    """The spec's folder, or why there is none; the spec is read again by its own process."""
    from gibbs import pipeline

    one, given = One(path), copy.copy(arguments)
    given.spec = path
    try:
        spec = spec_arguments.load(given)
        one.folder = pipeline.output_folder(spec, arguments.out and Path(arguments.out) / pipeline.name_of(spec))
    except GibbsError as error:
        one.error = error
    return one


def _refuse_shared_folders(specs: Sequence[One]) -> None:
    """UsageError where two specs write to one folder, or one into the folder of another."""
    there = [one for one in specs if one.folder is not None]
    for k, one in enumerate(there):
        for other in there[:k]:
            a, b = other.target, one.target
            if a == b and os.path.realpath(other.spec) == os.path.realpath(one.spec):
                raise UsageError(f"'{one.spec}' is named twice, and would be written twice to '{one.folder}'.")
            if a == b:
                raise UsageError(
                    f"'{other.spec}' and '{one.spec}' would both be written to '{one.folder}'. Give one of them another output:; nothing "
                    "was begun."
                )
            if a in b.parents or b in a.parents:
                outer, inner = (other, one) if a in b.parents else (one, other)
                raise UsageError(
                    f"'{inner.spec}' would be written to '{inner.folder}', inside the folder of '{outer.spec}', '{outer.folder}'. Give one "
                    "of them another output:; nothing was begun."
                )


def _check_log(log: str) -> None:
    """OutputError where nothing can be added to the file of --log: one error, and not one a spec."""
    try:
        open(os.path.expanduser(log), "a", encoding="utf-8").close()
    except (OSError, ValueError) as error:
        raise OutputError(f"the log cannot be written ({getattr(error, 'strerror', None) or error}).", where=log) from error


def _carry_out(
    specs: Sequence[One], arguments: argparse.Namespace, at_a_time: int, flags: Sequence[str], environment: Mapping[str, str]
) -> bool:
    """Begin and end all of them; gives whether a signal ended it early, of which every process under way was told."""
    waiting, under_way, told = list(specs), [], 0
    try:
        while waiting or under_way:
            while waiting and len(under_way) < at_a_time and not signals.pressed():
                one = waiting.pop(0)
                if one.error is not None:
                    one.code = one.error.exit_code
                    complain(f"{one.spec}: {one.error}")
                    continue
                _begin(one, [*flags, *([f"--out={one.folder}"] if arguments.out else [])], environment)
                under_way.append(one)
            if signals.pressed():
                waiting.clear()
                if signals.pressed() > told:
                    told = signals.pressed()
                    _tell(under_way)
            for one in [o for o in under_way if o.process.poll() is not None]:
                under_way.remove(one)
                _over(one, quiet=arguments.quiet)
            if under_way:
                time.sleep(POLL)
    finally:
        _tell(under_way)
    return told > 0


def _begin(one: One, flags: Sequence[str], environment: Mapping[str, str]) -> None:
    """Start the process of one spec, in a group of its own: Ctrl-C at a terminal reaches it once, through this one."""
    program = f"import sys; sys.path[:] = {sys.path!r}; from gibbs.__main__ import command; command()"
    command = [sys.executable, "-c", program, "run", "--quiet", *flags]
    one.began, one.written, one.heard = time.monotonic(), _written(one), tempfile.TemporaryFile()
    one.process = subprocess.Popen(
        [*command, "--", one.spec], stdin=subprocess.DEVNULL, stdout=one.heard, stderr=one.heard, start_new_session=True,
        env={**os.environ, **environment, "PYTHONIOENCODING": "utf-8"},
    )  # fmt: skip


def _tell(under_way: Sequence[One]) -> None:
    for one in under_way:
        with suppress(OSError):
            one.process.send_signal(signal.SIGINT)


def _over(one: One, *, quiet: bool) -> None:
    """Say how it ended: one line, and beneath what the process had to say."""
    one.heard.seek(0)
    said = one.heard.read().decode("utf-8", "replace").strip().splitlines()
    one.heard.close()
    code = one.process.returncode
    one.code = code if code >= 0 else 1
    if code < 0:
        complain(f"{one.spec}: {_killed(one, -code)}")
    elif code in (0, 1) and not (code == 1 and any(line.startswith("gibbs: ") for line in said)):
        if not quiet:
            say_words(f"{one.spec} → {one.folder}: {_found(one)}, {time.monotonic() - one.began:.1f} s")
    elif not any(line.startswith("gibbs: ") for line in said):
        complain(f"{one.spec}: it ended with exit code {code}.")
    for words in _sentences(said):
        say_beside(f"gibbs: {one.spec}: {words[7:]}" if words.startswith("gibbs: ") else f"{one.spec}: {words}")


def _sentences(lines: Sequence[str]) -> list[str]:
    """What was said, each a line again: the process has wrapped it at the width of a terminal."""
    found: list[str] = []
    for line in lines:
        if found and not line.startswith(("gibbs: ", "warning: ", "note: ", " ", "Traceback")):
            found[-1] += f" {line}"
        else:
            found.append(line)
    return found


def _written(one: One) -> float | None:
    with suppress(OSError):
        return os.path.getmtime(one.target / "manifest.json")
    return None


def _found(one: One) -> str:
    """Chains, draws and verdict of the run that is in the folder now."""
    from gibbs.resuming import listing

    found = listing.run_of(one.target)
    if found is None:
        return "not written there"
    size = f", {found.chains} chains of {found.draws:,} draws" if found.chains and found.draws else ""
    same = ", there already, so nothing was drawn" if one.written is not None and one.written == _written(one) else ""
    return f"{found.verdict}{size}{same}"


def _killed(one: One, number: int) -> str:
    with suppress(ValueError):
        name = signal.Signals(number).name
        why = " (most often for want of memory)" if name == "SIGKILL" else ""
        return f"its process was ended by {name}{why}; gibbs resume '{one.folder}' goes on from its last checkpoint, if there is one."
    return f"its process was ended by signal {number}."


def _flags(arguments: argparse.Namespace) -> Iterator[str]:
    """The flags that each spec's own process is given; values behind an equals sign, since they may begin with a dash."""
    for name in _VALUES:
        if (value := getattr(arguments, name)) is not None:
            yield f"--{name}={value}"
    if arguments.until is not None:
        yield f"--until={_until(arguments.until)}"
    yield from (f"--set={one}" for one in arguments.set)
    if arguments.force:
        yield "--force"


def _until(said: Mapping[str, Any]) -> str:
    """The inverse of ``terminal.until``."""
    words = []
    for key, value in said.items():
        if isinstance(value, dict):
            words += [f"{key}.{name}={number}" for name, number in value.items()]
        else:
            words += [f"{key}={one}" for one in (value if isinstance(value, list) else [value])]
    return ",".join(words)
