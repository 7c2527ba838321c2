"""Which attributes matter, according to one table of experiments: what the notebook ``published`` shows and writes."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from mosaicreid import published
from mosaicreid.analyses.importance.estimators import ESTIMATORS
from mosaicreid.datasets import get_schema
from mosaicreid.errors import InputError, one_of
from mosaicreid.names.provenance import GIVEN, data_title
from mosaicreid.names.shown import named
from mosaicreid.plotting import METRIC_TITLES, save_figure
from mosaicreid.results import kinds_of, write_results
from mosaicreid.tables import MARK, PERCENT, TEXT, read_table

_ALPHA = 0.05


def read_experiments(dataset: str, metric: str, table: str = "") -> pd.DataFrame:
    """The experiments to analyse: the paper's Table 3 of ``dataset``, or a CSV file of one's own at ``table``.

    The file holds the dataset's attributes (0/1), ``metric`` (percent) and ``configuration``, one row per
    configuration; where it has a column ``dataset``, the rows of that dataset are kept.

    Raises:
        InputError: unknown ``dataset`` or ``metric``; no such file; a column is missing, or no row is of the dataset.
    """
    names = get_schema(dataset).attributes
    if metric not in published.METRICS:
        raise one_of("metric", metric, published.METRICS)
    if not table:
        return published.load_experiments(dataset)
    path = Path(table)
    if not path.is_file():
        raise InputError(f"no table at {table!r}; expected a CSV file of experiments, or '' for the published table")
    rows = read_table(path, {"configuration": TEXT, **dict.fromkeys(names, MARK), metric: PERCENT})
    if "dataset" in rows:
        rows = rows[rows["dataset"] == dataset].reset_index(drop=True)
    if rows.empty:
        raise InputError(f"{path.name} has no rows of {dataset}; expected one per configuration")
    return rows


def table_title(dataset: str, table: str = "") -> str:
    """What the experiments of ``read_experiments`` are called: whose they are, and on whose data.

    A table that lies beside the record that ``write_results`` makes is called by the data it was measured on; any other
    by its file and by the dataset whose attributes it has.

    Raises:
        InputError: unknown dataset, or a record that is damaged.
    """
    if not table:
        return f"{data_title(dataset)}, the paper's table"
    path = Path(table)
    if not path.with_suffix(".json").is_file():
        return f"{path.name}, attributes of {data_title(dataset)}"
    return f"{data_title(dataset, kinds_of(path).get(dataset, GIVEN))}, {path.name}"


def draw_importance(
    analysis: Mapping[str, pd.DataFrame], *, dataset: str, metric: str, table: str = ""
) -> dict[str, Figure]:
    """Figures 5 to 9 of one analysis (``analyse_table``): shap, forest, t_tests and effect_sizes.

    ``table``: the file of the experiments, as for ``read_experiments``; it decides the figures' title.
    """
    title = table_title(dataset, table)
    return {
        name: plot.draw({title: named(analysis[estimator.name], dataset)}, metric=METRIC_TITLES[metric])
        for estimator in ESTIMATORS
        for name, plot in estimator.plots.items()
    }


def interpret(analysis: Mapping[str, pd.DataFrame], *, dataset: str) -> str:
    """What the four estimators answer, and how much of it outlasts its caveats; Markdown, computed from the tables."""
    analysis = {name: named(frame, dataset) for name, frame in analysis.items()}
    coefficients = analysis["glm"].set_index("term")["coef"].drop("Intercept")
    total = len(coefficients)
    by_z = _significant(analysis, "z", "p_value")
    by_t = _significant(analysis, "t", "p_holm")
    influence = analysis["influence_summary"].set_index("term")
    fragile = [name for name in by_z if influence.loc[name, "rests_on_one_row"]]
    forest = analysis["forest"].set_index("attribute")
    mean_shap = analysis["shap"].groupby("attribute")["shap"].agg(lambda values: values.abs().mean())
    effects = [f"{name} ({coefficients[name]:+.2f})" for name in by_z]
    return "\n".join(
        [
            f"- **GLM.** {len(by_z)} of {total} attributes have p < {_ALPHA} as the paper tests (z, no correction), "
            f"effects in percentage points: {_list(effects)}. With Student's t and Holm's correction: {_list(by_t)}. "
            f"Resting on one row, without which p ≥ {_ALPHA}: {_list(fragile)}.",
            f"- **t-tests.** Without correction: {_list(_significant(analysis, 'welch', 'p_value'))}. With Holm's: "
            f"{_list(_significant(analysis, 'welch', 'p_holm'))}. Each test credits its attribute with whatever "
            "else the same rows include.",
            f"- **Forest.** First three by impurity: {_list(_top(forest['fimp']))}; by permutation: "
            f"{_list(_top(forest['pimp']))}; by mean absolute SHAP value: {_list(_top(mean_shap))}.",
            f"- **Answer.** GLM effects that outlast Student's t, Holm's correction and the loss of any one row: "
            f"{_list([name for name in by_t if name not in fragile])}.",
        ]
    )


def write_importance(
    analysis: Mapping[str, pd.DataFrame],
    figures: Mapping[str, Figure],
    folder: Path,
    *,
    dataset: str,
    metric: str,
    table: str = "",
) -> None:
    """Every table of ``analysis`` as CSV with its provenance, and every figure as SVG, into ``folder``."""
    source = Path(table) if table else published.table_path(3, dataset)
    for name, frame in analysis.items():
        write_results(
            frame,
            Path(folder) / f"{name}.csv",
            inputs={source.name: source},
            parameters={"analysis": name, "dataset": dataset, "metric": metric},
        )
    for name, figure in figures.items():
        save_figure(figure, Path(folder) / f"{name}.svg")


def _significant(analysis: Mapping[str, pd.DataFrame], test: str, column: str) -> list[str]:
    """Attributes below the level, smallest p-value first."""
    rows = analysis["multiplicity"].query("test == @test").set_index("attribute")[column]
    return [str(name) for name in rows[rows < _ALPHA].sort_values(kind="stable").index]


def _top(importance: pd.Series) -> Sequence[str]:
    return [str(name) for name in importance.sort_values(ascending=False, kind="stable").index[:3]]


def _list(names: Iterable[str]) -> str:
    return ", ".join(names) or "none"
