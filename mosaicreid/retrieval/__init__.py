"""From features or scores to mAP, CMC, mINP and per-query AP: exact, blocked and aware of ties.

Imports nothing of the package but its errors.
"""

from mosaicreid.retrieval.metrics import Retrieval, evaluate, evaluate_scores

__all__ = ["Retrieval", "evaluate", "evaluate_scores"]
