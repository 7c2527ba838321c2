"""The paper's sweep in small, on made-up images and weights: everything real but size, so that it is known to run.

``images`` draws people under a real dataset's file names, ``weights`` makes checkpoints in the forms in which they are
published, ``sizes`` says how much of the sweep is run, and ``steps`` runs it.
"""
