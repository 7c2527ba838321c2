"""Estimators and intervals on tables and arrays, without torch and without any dataset.

May import: errors, and nothing else of the package.
"""
