"""The reference: pages made from the registries and the schema, so that they cannot go stale, and short pages by hand beside them.

``python -m gibbs.reference`` writes the made ones into ``specs/reference`` (a test compares them); ``gibbs help TOPIC`` prints a page. A
wheel has the pages as ``gibbs/reference/pages``; in a clone they are those of ``specs/reference``.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from gibbs.commands.usage import UsageError
from gibbs.errors import GibbsError, nearest

MADE = {
    "keys": "every key of a spec: what it may hold, and its default",
    "families": "families of outcomes, their links and other names",
    "prior-kinds": "every kind of prior, where it may stand, and the laws of effects",
    "formulas": "terms and functions of formulas, of derive and subset",
    "commands": "every command and its options",
    "outputs": "files of a run folder and their columns, names of parameters, exit codes, kinds of error",
}
BY_HAND = {
    "priors": "choosing priors",
    "convergence": 'reading a "not converged", and what to do',
    "switching": "the same models in lme4, brms, Stata, MLwiN and WinBUGS",
    "python": "the Python API, an example a method",
}
TOPICS = {**MADE, **BY_HAND}
"""topic → what its page is about."""
HEAD = "<!-- Made by python -m gibbs.reference from the registries: change those, and run it again. -->\n\n"


def folder() -> Path:
    """Where the pages are."""
    installed = Path(__file__).resolve().parent / "pages"
    return installed if installed.is_dir() else Path(__file__).resolve().parents[2] / "specs" / "reference"


def page(topic: str) -> str:
    """The page of a topic, as Markdown. UsageError, with the nearest match, for a topic that there is not."""
    if topic not in TOPICS:
        known = "\n".join(f"  {name:<13} {words}" for name, words in TOPICS.items())
        raise UsageError(f"there is no page '{topic}'.{nearest(topic, TOPICS)} The topics are\n{known}", where="help")
    try:
        return (folder() / f"{topic}.md").read_text(encoding="utf-8").removeprefix(HEAD)
    except OSError as error:
        raise GibbsError(f"the page '{topic}' is not in this installation.", where=str(folder())) from error


def made() -> dict[str, str]:
    """Every page that is made, by its topic."""
    from gibbs.reference import commands, families, formulas, keys, outputs, prior_kinds

    makers: dict[str, Callable[[], str]] = {
        "keys": keys.page,
        "families": families.page,
        "prior-kinds": prior_kinds.page,
        "formulas": formulas.page,
        "commands": commands.page,
        "outputs": outputs.page,
    }
    return {topic: HEAD + makers[topic]() for topic in MADE}
