"""The commands, one module each: ``SUMMARY``, ``arguments(parser)`` and ``run(arguments) -> exit code``.

``gibbs.cli`` lists them (run, check, schema and version stand there) and imports a module only to parse or run its command; each imports
what is heavy inside ``run``.
"""
