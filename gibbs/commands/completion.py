"""``gibbs completion SHELL``: a script that has the shell complete commands, options, their words, specs and runs.

The scripts are three lines that ask ``gibbs completion words … `` for what may stand at a place, so that nothing in them can go stale:
what the parser knows, the shell knows.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

SUMMARY = """\
Print a script for the shell: commands, options, their words, specs and runs then complete on Tab. Once, in a file that the shell reads:

  bash    gibbs completion bash >> ~/.bashrc
  zsh     gibbs completion zsh >> ~/.zshrc
  fish    gibbs completion fish > ~/.config/fish/completions/gibbs.fish"""

_SCRIPTS = {
    "bash": """\
_gibbs_complete() {
    local IFS=$'\\n'
    COMPREPLY=($(gibbs completion words "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null))
}
complete -o default -o bashdefault -F _gibbs_complete gibbs""",
    "zsh": """\
_gibbs_complete() {
    local -a found
    found=(${(f)"$(gibbs completion words "${(@)words[2,CURRENT]}" 2>/dev/null)"})
    if (( ${#found} )); then compadd -a found; else _files; fi
}
(( ${+functions[compdef]} )) || { autoload -Uz compinit && compinit; }
compdef _gibbs_complete gibbs""",
    "fish": """\
function __gibbs_complete
    set -l before (commandline -opc)
    gibbs completion words $before[2..-1] (commandline -ct) 2>/dev/null
end
complete -c gibbs -a '(__gibbs_complete)'""",
}


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("shell", metavar="SHELL", help="bash, zsh or fish (words is what the scripts ask)")
    parser.add_argument("words", metavar="WORD", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)


def run(arguments: argparse.Namespace) -> int:
    from gibbs.commands.usage import UsageError
    from gibbs.errors import nearest
    from gibbs.terminal import say

    if arguments.shell == "words":
        if found := complete(arguments.words or [""]):
            say("\n".join(found))
        return 0
    if arguments.shell not in _SCRIPTS:
        raise UsageError(f"the shells are {', '.join(_SCRIPTS)}, not '{arguments.shell}'.{nearest(arguments.shell, _SCRIPTS)}")
    say(_SCRIPTS[arguments.shell])
    return 0


def complete(words: Sequence[str]) -> list[str]:
    """What may stand in place of the last of ``words`` (those behind ``gibbs``) and begins as it does; nothing where files may."""
    from gibbs import cli

    *before, begun = words
    parsers = cli.commands()
    if not before:
        return [name for name in (*parsers, "--help", "--version") if name.startswith(begun)]
    parser = parsers.get(before[0])
    if parser is None:
        return []
    options = parser._option_string_actions
    if begun.startswith("-"):
        return sorted(o for o in options if o.startswith(begun) and (o.startswith("--") or begun == o))
    valued = [(at, options[w]) for at, w in enumerate(before) if w in options and options[w].nargs != 0]
    if valued:
        at, option = valued[-1]
        if at == len(before) - 1 or (option.nargs == "+" and not any(w in options for w in before[at + 1 :])):
            return _matching(before[0], option.option_strings[0], begun)
    taken = {at + 1 for at, option in valued if option.nargs != "+"} | {at for at, w in enumerate(before) if w in options}
    place = sum(1 for at in range(1, len(before)) if at not in taken)
    positional = [a for a in parser._actions if not a.option_strings]
    if not positional:
        return []
    action = positional[min(place, len(positional) - 1)]
    if place >= len(positional) and action.nargs not in ("+", "*"):
        return []
    return _matching(before[0], str(action.metavar), begun)


def _matching(command: str, what: str, begun: str) -> list[str]:
    known = _WORDS.get((command, what)) or _WORDS.get(("", what))
    if known is None:
        return []
    return [word for word in known(begun) if word.startswith(begun)]


def _these(*words: str) -> Callable[[str], Sequence[str]]:
    return lambda begun: words


def _schemes(begun: str) -> Sequence[str]:
    from gibbs.model.records import SCHEMES

    return SCHEMES


def _kinds(begun: str) -> Sequence[str]:
    from gibbs.plots import KINDS

    return tuple(KINDS)


def _topics(begun: str) -> Sequence[str]:
    from gibbs import cli
    from gibbs.reference import TOPICS

    return (*TOPICS, *cli.commands())


def _specs(begun: str) -> Sequence[str]:
    """YAML files, and folders that may hold some."""
    return [p for p in _below(begun) if p.endswith((".yaml", ".yml", "/"))]


def _runs(begun: str) -> Sequence[str]:
    """Run folders in ``runs/``, where nothing is typed yet; folders where something is."""
    if not begun and (runs := [f"runs/{p.parent.name}" for p in sorted(Path("runs").glob("*/manifest.json"))]):
        return runs
    return [p.removesuffix("/") if (Path(p) / "manifest.json").exists() else p for p in _below(begun) if p.endswith("/")]


def _below(begun: str) -> list[str]:
    head = begun[: begun.rfind("/") + 1]
    try:
        found = sorted(Path(head or ".").expanduser().iterdir())
    except OSError:
        return []
    return [f"{head}{p.name}{'/' if p.is_dir() else ''}" for p in found if not p.name.startswith(".") or begun[len(head) :].startswith(".")]


_GROUPS = _these("known", "new", "all new", "population", "typical")
_WORDS: dict[tuple[str, str], Callable[[str], Sequence[str]]] = {
    ("", "SPEC"): _specs,
    ("", "RUN"): _runs,
    ("frame", "--times"): _runs,
    ("", "SHELL"): _these(*_SCRIPTS),
    ("help", "TOPIC"): _topics,
    ("plot", "KIND"): _kinds,
    ("", "--scheme"): _schemes,
    ("", "--style"): _these("brms", "lme4", "display"),
    ("", "--format"): _these("terminal", "csv", "markdown", "latex"),
    ("summary", "--interval"): _these("equal", "hdi"),
    ("summary", "--below"): _these("interval", "se"),
    ("", "--to"): _these("csv", "parquet", "netcdf", "coda", "jags", "stan"),
    ("", "--criterion"): _these("loo", "waic", "dic"),
    ("", "--for"): _GROUPS,
    ("", "--new-levels"): _these("draw", "error"),
    ("predict", "--kind"): _these("expected", "linear", "outcome"),
    ("", "--others"): _these("typical", "observed"),
    ("", "--sort"): _these("effect", "level"),
}
