"""The synthetic world: people, clothes and cameras drawn into a dataset folder in a real one's format.

May import: attributes, datasets, data; ``contact_sheets`` also plotting. Knows no model.
"""
