"""A sweep on one machine beside the committed one: the same numbers, or how different (page: machine)."""
