"""A sweep: what was asked for, its runs, what a result's code is, and executed notebooks.

May import: datasets, config, published. Knows neither runs nor analyses.
"""
