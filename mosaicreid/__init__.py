"""MoSAIC-ReID (arXiv 2512.08697), reproduced: attribute experts, exact retrieval metrics, checked statistics."""

from importlib.metadata import version

__version__ = version("mosaicreid")
