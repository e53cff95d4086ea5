"""What the sampler hands over and answers are made of: Draws, names of parameters, the Outline of a Design, diagnostics of chains."""
