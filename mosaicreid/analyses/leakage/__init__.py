"""What the attributes alone retrieve, without any image (page: leakage)."""
