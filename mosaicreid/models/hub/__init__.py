"""Weights that others publish: by open_clip's tags, and timm's."""
