"""Attribute effects with intervals that respect dependent measurements (page: robust)."""
