"""The commands that work on a finished run, one module each: ``SUMMARY``, ``arguments(parser)`` and ``run(arguments) -> exit code``.

``gibbs.cli`` lists them and imports a module only to parse or run its command; each imports what is heavy inside ``run``.
"""
