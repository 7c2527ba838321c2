"""Training: four stages with one loop, ``pretrain`` (tiny only), ``prompts``, ``baseline`` and ``experts``."""
