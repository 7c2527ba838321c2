"""What a reader is shown in place of the names that code and files use, and whose data a title names.

Attributes and datasets are named in their own files (``datasets``); everything else is named in ``terms``. ``shown``
looks any of them up by the column of a table that it stands in. ``provenance`` decides what a dataset is called by
where the numbers come from: a synthetic world never bears the name of the dataset that it is like.
"""
