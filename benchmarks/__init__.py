"""The benchmark suite: ``python -m benchmarks --help``. Nothing of it is installed with the package."""
