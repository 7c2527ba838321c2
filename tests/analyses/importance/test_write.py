"""Figures of whole result tables: every estimator's, for both metrics and all datasets."""

from pathlib import Path

import pandas as pd
import pytest

from mosaicreid.analyses.importance.estimators import ESTIMATORS
from mosaicreid.analyses.importance.write import write_figures
from mosaicreid.datasets import DATASETS
from mosaicreid.plotting import METRIC_TITLES

FOREST = pd.DataFrame({"attribute": ["hat", "age"], "fimp": [0.2, 0.8], "pimp": [0.3, 0.1]})
WELCH = pd.DataFrame(
    {
        "attribute": ["hat", "age"],
        "t_stat": [-2.1, -4.0],
        "p_value": [0.04, 0.001],
        "cohens_d": [0.9, 1.8],
        "n_included": [7, 9],
        "n_excluded": [18, 16],
    }
)
SHAP = pd.DataFrame({"attribute": ["hat", "hat", "age"], "included": [1, 0, 1], "shap": [0.3, -0.1, 0.9]})
GLM = pd.DataFrame({"term": ["Intercept", "hat", "age"], "coef": [40.0, 1.0, 2.0]})


@pytest.mark.parametrize("source", ["published", "experiment"])
def test_every_estimators_figures(tmp_path: Path, source: str) -> None:
    keys = [(dataset, metric) for dataset in DATASETS for metric in METRIC_TITLES]
    tables = {
        name: pd.concat([table.assign(dataset=dataset, metric=metric) for dataset, metric in keys], ignore_index=True)
        for name, table in {"shap": SHAP, "forest": FOREST, "welch": WELCH, "glm": GLM}.items()
    }
    assert set(tables) == {estimator.name for estimator in ESTIMATORS}
    write_figures(tables, tmp_path, source=source)
    stems = ("shap", "t_tests", "effect_sizes", "forest_market1501", "forest_dukemtmc")
    expected = {f"{source}_{stem}_{metric}.svg" for stem in stems for metric in METRIC_TITLES}
    assert {path.name for path in (tmp_path / "figures").iterdir()} == expected
