"""Labels other than the annotation's: permuted, predicted by linear heads, or read from a table of a user's."""
