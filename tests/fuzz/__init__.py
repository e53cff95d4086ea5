"""Fuzzers: words, tables, files and command lines from valid to hostile, each of which must give a result or one GibbsError.

``python -m tests.fuzz 10000`` runs so many examples; a failure prints the command that repeats it. Example ``i`` of seed ``s`` depends on
``s`` and ``i`` alone. What is asked of an example is in ``judge``, the kinds of examples are in ``kinds``, what they are made of in
``words`` (names, numbers, formulas, priors), ``specs`` and ``tables``.
"""
