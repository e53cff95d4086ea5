"""Many fits of one model: replicate weights, resampled designs, plausible values, multiple imputations; and one table of estimates."""
