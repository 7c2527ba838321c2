"""How long do experts train: what they gain over the length of their training, and the order of attributes by it."""
