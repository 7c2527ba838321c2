"""How common each attribute value is (page: priors)."""
