"""Commands of experiments in many worlds: how hard they are, strong baselines, and whether a known truth is found."""
