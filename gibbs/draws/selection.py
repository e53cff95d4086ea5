"""Picking parameters by name, by pattern or by class."""

from __future__ import annotations

import re
from collections.abc import Sequence

from gibbs.errors import SpecError, nearest


def pick(wanted: Sequence[str], labels: Sequence[str], where: str = "parameters") -> list[int]:
    """Places in ``labels`` of what ``wanted`` names, in the order of ``labels``.

    A word is a parameter (``b_x``, or ``x`` for short), or a pattern in which * stands for anything and ? for one character
    (``sd_*``, ``r_province[*,Intercept]``). Raises SpecError for a word that finds nothing, ``where`` being the place of its message.
    """
    found: set[int] = set()
    known = {label: i for i, label in reversed(list(enumerate(labels)))}
    for word in wanted:
        if "*" in word or "?" in word:
            pattern = re.compile("".join({"*": ".*", "?": "."}.get(c, re.escape(c)) for c in word), re.DOTALL)
            places = [i for i, label in enumerate(labels) if pattern.fullmatch(label)]
        else:
            places = [known[name] for name in (word, f"b_{word}") if name in known][:1]
        if not places:
            raise SpecError(
                f"there is no parameter '{word}'.{nearest(word, labels)} A name may have * in it, such as sd_*; gibbs summary lists them.",
                where=where,
            )
        found.update(places)
    return sorted(found)
