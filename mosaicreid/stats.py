"""The former name of ``mosaicreid.statistics.estimators``, kept for code that imports it."""

from mosaicreid.statistics.estimators import (
    contrast,
    fit_glm,
    forest_importance,
    shap_values,
    welch_tests,
)

__all__ = ["contrast", "fit_glm", "forest_importance", "shap_values", "welch_tests"]
