"""The model: encoder, attribute experts and their router, prompts, and what puts them together and gives features.

May import: attributes, datasets, config, data. Knows no loss and no stage.
"""
