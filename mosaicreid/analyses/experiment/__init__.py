"""Our runs beside the paper's tables and the known truth (pages: experiment, ablations)."""
