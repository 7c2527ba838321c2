"""Every result table that follows from tables of experiments: the paper's analyses, and how far each can be trusted."""

from collections.abc import Sequence

import pandas as pd

from mosaicreid.analyses.importance.estimators import estimate_all
from mosaicreid.errors import InputError
from mosaicreid.statistics import caveats, sensitivity


def analyse_table(
    table: pd.DataFrame, attributes: Sequence[str], metric: str, *, label: str = "configuration"
) -> dict[str, pd.DataFrame]:
    """The paper's four analyses of one table of experiments and every caveat on them, by name; columns only, no index.

    ``label`` names the column that identifies a row. Names: glm, welch, forest, shap (Section 4.4), and the caveats
    t_vs_z, multiplicity, multiplicity_counts, influence, influence_summary, vif, single_rows, intercept, confounding,
    equal_effects.

    Raises:
        InputError: as ``statistics.estimators.fit_glm``; no column ``label``, or repeated values in it.
    """
    if label not in table:
        raise InputError(f"the table has no column {label!r} that names its rows; it has: {', '.join(table.columns)}")
    if table[label].duplicated().any():
        repeated = table[label][table[label].duplicated()].iloc[0]
        raise InputError(
            f"the column {label!r} has {repeated!r} more than once; expected a different name in every row"
        )
    estimated = estimate_all(table.assign(configuration=table[label]), attributes, metric)
    glm, welch = estimated["glm"].set_index("term"), estimated["welch"].set_index("attribute")
    judged = caveats.t_against_z(glm, len(table))
    deletions = sensitivity.leave_one_row_out(table, attributes, metric, label=label)
    # The intercept is not among the tests that are corrected: nobody asks whether mAP is zero.
    families = {"z": judged["p_z"].drop("Intercept"), "t": judged["p_t"].drop("Intercept"), "welch": welch["p_value"]}
    adjusted = {test: caveats.adjust(p_values).rename_axis("attribute") for test, p_values in families.items()}
    by_index = {
        "t_vs_z": judged,
        "influence_summary": sensitivity.summarise_influence(deletions, glm),
        "vif": caveats.variance_inflation(table, attributes, metric),
        "single_rows": caveats.single_rows(table, attributes, metric),
        "confounding": caveats.confounding(table, attributes, metric),
    }
    return (
        estimated
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
