"""What each attribute is worth, by every method, and how far they agree (page: shapley)."""
