"""How well a model does: leave-one-out and information criteria, comparisons, explained variance, hypotheses."""
