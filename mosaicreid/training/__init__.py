"""Training: four stages with one loop, ``pretrain`` (tiny only), ``prompts``, ``baseline`` and ``experts``.

May import: everything that makes a run (config, data, models, losses, retrieval, runs), and no analysis.
"""
