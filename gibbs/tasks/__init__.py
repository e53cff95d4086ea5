"""Many fits, or the chains of one, side by side: in threads of this process, or on the workers of a cluster."""
