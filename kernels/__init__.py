"""Compiled full conditionals on plain arrays. One full conditional, one function, one test."""

if __name__ != "gibbs.kernels":
    raise ImportError("the kernels are imported as gibbs.kernels (install the package: pip install -e .)")
