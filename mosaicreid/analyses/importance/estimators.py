"""The paper's ways to ask which attribute matters, in one table: what to compute, how to rank by it, how to draw it.

A new estimator is an entry of ``ESTIMATORS``, its computation in ``statistics`` and its figure in ``figures``.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import pandas as pd
from matplotlib.figure import Figure

from mosaicreid.analyses.importance.figures import plot_effect_sizes, plot_forest, plot_shap, plot_t_tests
from mosaicreid.statistics import estimators

Estimate = Callable[[pd.DataFrame, Sequence[str], str], pd.DataFrame]


@dataclass(frozen=True, kw_only=True)
class Plot:
    """A figure of an estimator's table.

    ``draw`` takes panels by title and the metric's name. ``together``: all datasets are panels of one figure; otherwise
    each has its own.
    """

    draw: Callable[..., Figure]
    together: bool = True


@dataclass(frozen=True, kw_only=True)
class Estimator:
    """One way to judge attributes by a table of experiments.

    Attributes:
        name: of its result table.
        estimate: table, attributes and metric to its result; columns only, no index.
        importances: name -> (column, sign); the column times the sign is large for attributes that matter.
        spread: the column whose standard deviation over seeds is reported, "" for none.
        plots: by name.
    """

    name: str
    estimate: Estimate
    importances: Mapping[str, tuple[str, float]]
    spread: str = ""
    plots: Mapping[str, Plot] = field(default_factory=dict)

    def by_attribute(self, result: pd.DataFrame) -> pd.DataFrame:
        """The importances (columns) of every attribute (index) from this estimator's ``result`` of one metric."""
        key = "term" if "term" in result else "attribute"
        rows = result[result[key] != "Intercept"]
        values = {name: sign * rows.set_index(key)[column] for name, (column, sign) in self.importances.items()}
        # Where there is a row per experiment, an attribute's importance is its mean absolute value.
        if rows[key].duplicated().any():
            values = {name: value.abs().groupby(level=0, sort=False).mean() for name, value in values.items()}
        return pd.DataFrame(values)


def _glm(table: pd.DataFrame, attributes: Sequence[str], metric: str) -> pd.DataFrame:
    return estimators.fit_glm(table, attributes, metric).reset_index()


def _welch(table: pd.DataFrame, attributes: Sequence[str], metric: str) -> pd.DataFrame:
    return estimators.welch_tests(table, attributes, metric).reset_index()


def _forest(table: pd.DataFrame, attributes: Sequence[str], metric: str) -> pd.DataFrame:
    return estimators.forest_importance(table, attributes, metric).reset_index()


def _shap(table: pd.DataFrame, attributes: Sequence[str], metric: str) -> pd.DataFrame:
    """A row per experiment and attribute: configuration, attribute, included, shap."""
    included = table.set_index("configuration")[list(attributes)].astype(int)
    values = estimators.shap_values(table, attributes, metric).set_index(included.index)
    long = values.melt(var_name="attribute", value_name="shap", ignore_index=False)
    long["included"] = included.melt(ignore_index=False)["value"]
    return long.reset_index()[["configuration", "attribute", "included", "shap"]]


ESTIMATORS = (
    Estimator(name="glm", estimate=_glm, importances={"glm": ("coef", 1.0)}, spread="coef"),
    Estimator(
        name="welch",
        estimate=_welch,
        # t is of excluded less included rows, the paper's sign.
        importances={"welch": ("t_stat", -1.0), "cohens_d": ("cohens_d", 1.0)},
        spread="cohens_d",
        plots={"t_tests": Plot(draw=plot_t_tests), "effect_sizes": Plot(draw=plot_effect_sizes)},
    ),
    Estimator(
        name="forest",
        estimate=_forest,
        importances={"fimp": ("fimp", 1.0), "pimp": ("pimp", 1.0)},
        plots={"forest": Plot(draw=plot_forest, together=False)},
    ),
    Estimator(
        name="shap",
        estimate=_shap,
        importances={"shap": ("shap", 1.0)},
        plots={"shap": Plot(draw=plot_shap)},
    ),
)


def estimate_all(table: pd.DataFrame, attributes: Sequence[str], metric: str) -> dict[str, pd.DataFrame]:
    """The result of every estimator on one table of experiments (Section 4.4), by its name.

    ``table``: a row per experiment with 0/1 columns of ``attributes``, ``metric`` in percent, and ``configuration``.

    Raises:
        InputError: as ``statistics.estimators.fit_glm``.
    """
    return {estimator.name: estimator.estimate(table, attributes, metric) for estimator in ESTIMATORS}


def importances(
    results: Mapping[str, pd.DataFrame], attributes: Sequence[str], *, dataset: str, metric: str
) -> pd.DataFrame:
    """One column per importance of ``ESTIMATORS``, a row per attribute; larger means that it matters more.

    ``results``: an estimator's name -> its results with columns ``dataset`` and ``metric``.
    """
    columns = []
    for estimator in ESTIMATORS:
        result = results[estimator.name]
        columns.append(estimator.by_attribute(result[(result["dataset"] == dataset) & (result["metric"] == metric)]))
    return pd.concat(columns, axis=1).loc[list(attributes)].rename_axis("attribute")
