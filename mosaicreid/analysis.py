"""Every result table that follows from tables of experiments: the paper's analyses, and how far each can be trusted."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import pandas as pd

from mosaicreid import caveats, claims, digits, influence, published, stats
from mosaicreid.errors import InputError
from mosaicreid.results import write_results
from mosaicreid.stability import forest_stability

# Forests per ranking in `caveats_forest_seeds.csv`; the paper's own seed, 42, is not among them.
_SEEDS = tuple(range(10))
_FROM_TABLE3 = tuple((dataset, metric) for dataset in published.DATASETS for metric in published.METRICS)


def analyse_table(
    table: pd.DataFrame, attributes: Sequence[str], metric: str, *, label: str = "configuration"
) -> dict[str, pd.DataFrame]:
    """The paper's four analyses of one table of experiments and every caveat on them, by name; columns only, no index.

    ``label`` names the column that identifies a row. Names: glm, welch, forest, shap (Section 4.4), and the caveats
    t_vs_z, multiplicity, multiplicity_counts, influence, influence_summary, vif, single_rows, intercept, confounding,
    equal_effects.

    Raises:
        InputError: as ``stats.fit_glm``; no column ``label``, or repeated values in it.
    """
    if label not in table:
        raise InputError(f"the table has no column {label!r} that names its rows; it has: {', '.join(table.columns)}")
    if table[label].duplicated().any():
        repeated = table[label][table[label].duplicated()].iloc[0]
        raise InputError(
            f"the column {label!r} has {repeated!r} more than once; expected a different name in every row"
        )
    found = paper_analyses(table, attributes, metric, label=label)
    glm, welch = found["glm"].set_index("term"), found["welch"].set_index("attribute")
    judged = caveats.t_against_z(glm, len(table))
    deletions = influence.leave_one_out(table, attributes, metric, label=label)
    # The intercept is not among the tests that are corrected: nobody asks whether mAP is zero.
    families = {"z": judged["p_z"].drop("Intercept"), "t": judged["p_t"].drop("Intercept"), "welch": welch["p_value"]}
    adjusted = {test: caveats.adjust(p_values).rename_axis("attribute") for test, p_values in families.items()}
    by_index = {
        "t_vs_z": judged,
        "influence_summary": influence.summarise_influence(deletions, glm),
        "vif": caveats.variance_inflation(table, attributes, metric),
        "single_rows": caveats.single_rows(table, attributes, metric),
        "confounding": caveats.confounding(table, attributes, metric),
    }
    return (
        found
        | {name: frame.reset_index() for name, frame in by_index.items()}
        | {
            "multiplicity": pd.concat(adjusted, names=["test"]).reset_index(),
            "multiplicity_counts": pd.concat(
                {test: caveats.count_significant(family) for test, family in adjusted.items()}, names=["test"]
            ).reset_index("test"),
            "influence": deletions,
            "intercept": caveats.intercept_against_baseline(table, attributes, metric),
            "equal_effects": caveats.equal_effects(table, attributes, metric),
        }
    )


def paper_analyses(
    table: pd.DataFrame, attributes: Sequence[str], metric: str, *, label: str = "configuration"
) -> dict[str, pd.DataFrame]:
    """The paper's four analyses of one table of experiments (Section 4.4): glm, welch, forest, shap; no index.

    Raises:
        InputError: as ``stats.fit_glm``.
    """
    return {
        "glm": stats.fit_glm(table, attributes, metric).reset_index(),
        "welch": stats.welch_tests(table, attributes, metric).reset_index(),
        "forest": stats.forest_importance(table, attributes, metric).reset_index(),
        "shap": _long_shap(table, attributes, metric, label),
    }


def analyse_published() -> dict[str, pd.DataFrame]:
    """Every result table of the published experiments, by the name of its file in ``results/`` without ``.csv``."""
    return dict(published_tables())


def published_tables() -> Iterator[tuple[str, pd.DataFrame]]:
    """The tables of ``analyse_published`` with their names, one at a time as they are done."""
    checked = digits.digit_check()
    yield "digits", checked
    yield "digits_summary", digits.summarise(checked)
    yield "digits_rules", digits.compare_rules(checked)
    yield "digits_row_order", digits.compare_row_orders()
    for number in checked["table"].unique():
        yield f"side_by_side_{number}", _side_by_side(checked, number)
    tables = {}
    analyses = {
        (dataset, metric): analyse_table(published.load_experiments(dataset), published.attributes(dataset), metric)
        for dataset, metric in _FROM_TABLE3
    }
    for name in analyses[_FROM_TABLE3[0]]:
        group = "published" if name in ("glm", "welch", "forest", "shap") else "caveats"
        tables[f"{group}_{name}"] = _stack({key: parts[name] for key, parts in analyses.items()})
    tables["caveats_contrast"] = _per_table(_colour_contrast, _FROM_TABLE3)
    yield from tables.items()
    # For mAP alone, the metric of the paper's Table 5: a forest per seed is the slowest thing here.
    tables["caveats_forest_seeds"] = _per_table(_stability, [(dataset, "mAP") for dataset in published.DATASETS])
    yield "caveats_forest_seeds", tables["caveats_forest_seeds"]
    judged = claims.judge(tables)
    yield "claims", judged
    yield "claims_summary", claims.summarise(judged)


def write_published(name: str, table: pd.DataFrame, results: Path) -> None:
    """Write one of ``published_tables`` into the folder ``results``, with the published tables as its provenance."""
    inputs = {f"table3_{dataset}.csv": published.table_path(3, dataset) for dataset in published.DATASETS}
    inputs |= {published.table_path(number).name: published.table_path(number) for number in (4, 5, 7)}
    write_results(table, results / f"{name}.csv", inputs=inputs, parameters={"analysis": name})


def _long_shap(table: pd.DataFrame, attributes: Sequence[str], metric: str, label: str) -> pd.DataFrame:
    included = table.set_index(label)[list(attributes)].astype(int)
    values = stats.shap_values(table, attributes, metric).set_index(included.index)
    long = values.melt(var_name="attribute", value_name="shap", ignore_index=False)
    long["included"] = included.melt(ignore_index=False)["value"]
    return long.rename_axis("configuration").reset_index()[["configuration", "attribute", "included", "shap"]]


def _side_by_side(checked: pd.DataFrame, number: int) -> pd.DataFrame:
    """Table ``number`` with the published and the recomputed cells, both as printed, next to each other."""
    rows = checked[checked["table"] == number]
    wide = rows.pivot_table(
        index=["dataset", "term"], columns="statistic", values=["published", "shown"], aggfunc="first", sort=False
    )
    names = {"published": "published", "shown": "ours"}
    order = [(kind, statistic) for statistic in rows["statistic"].unique() for kind in names]
    wide = wide[order]
    wide.columns = pd.Index([f"{statistic}_{names[kind]}" for kind, statistic in order])
    return wide.reset_index()


def _stability(table: pd.DataFrame, attributes: Sequence[str], metric: str) -> pd.DataFrame:
    return forest_stability(table, attributes, metric, seeds=_SEEDS)


def _colour_contrast(table: pd.DataFrame, attributes: Sequence[str], metric: str) -> pd.DataFrame:
    pair = {"first": "downcolour", "second": "upcolour"}
    return pd.DataFrame([pair | stats.contrast(table, attributes, metric, **pair).to_dict()])


def _per_table(
    analysis: Callable[[pd.DataFrame, Sequence[str], str], pd.DataFrame], keys: Iterable[tuple[str, str]]
) -> pd.DataFrame:
    return _stack(
        {
            (dataset, metric): analysis(published.load_experiments(dataset), published.attributes(dataset), metric)
            for dataset, metric in keys
        }
    )


def _stack(parts: Mapping[tuple[str, str], pd.DataFrame]) -> pd.DataFrame:
    """The parts below one another, behind columns for the dataset and the metric that each belongs to."""
    marked = []
    for (dataset, metric), part in parts.items():
        marked.append(part.assign(dataset=dataset, metric=metric)[["dataset", "metric", *part.columns]])
    return pd.concat(marked, ignore_index=True)
