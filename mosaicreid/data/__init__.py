"""Images and their attributes on the way to a model: folders, annotation files, decoded images, samplers, batches.

May import: attributes, datasets. Knows no model and no setting.
"""
