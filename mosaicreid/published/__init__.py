"""The paper's published tables as package data."""
