"""Which attributes matter, by the paper's estimators, on any table of experiments (page: importance)."""
