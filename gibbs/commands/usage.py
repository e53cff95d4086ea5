"""A command line that is wrong."""

from gibbs.errors import SpecError


class UsageError(SpecError):
    """What was typed behind ``gibbs`` cannot be meant so; where : the command or the option."""

    stage = "command line"
