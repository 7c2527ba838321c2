"""A room per question, named like the book's pages. In each: compute, tables, figures and write, as far as needed.

``compute`` and ``tables`` return DataFrames, ``figures`` draws them, and ``write`` computes everything, then writes
everything, then draws. May import: everything below, and each other in the order of ARCHITECTURE.md.
"""
