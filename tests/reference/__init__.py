"""Posteriors that other software computed: the engine must give the same means, spreads and quantiles."""
