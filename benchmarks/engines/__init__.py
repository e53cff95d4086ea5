"""One adaptor an engine. Every adaptor takes the same job and leaves the same files; ``registry`` lists them all."""
