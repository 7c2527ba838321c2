"""Commands of experiments in many worlds: the strength of the baseline, and whether a known truth is found."""
