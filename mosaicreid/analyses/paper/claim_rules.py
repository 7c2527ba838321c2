"""Rules that hold a claim about attribute importance against the result tables, one rule for all claims of a kind.

A rule looks up the evidence, says it in words, and lists the objections. No objection: the claim holds.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import pandas as pd

from mosaicreid.names.shown import attribute_title, configuration_title
from mosaicreid.names.terms import METRICS
from mosaicreid.results import Tables

_ALPHA = 0.05


@dataclass(frozen=True, kw_only=True)
class TableClaim:
    """One assertion of the paper about ``attributes`` in the experiments of one dataset, for one metric.

    ``topic`` keeps the ids of claims apart; ``where`` is the place in the paper; ``rule`` maps (claim, tables) to the
    evidence and the objections, with ``tables`` as ``compute.analyse_published`` names them.
    """

    topic: str
    text: str
    where: str
    rule: "Callable[[TableClaim, Tables], tuple[str, list[str]]]"
    dataset: str
    metric: str
    attributes: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """For example ``glm-dukemtmc-mAP-gender``."""
        return "-".join(part for part in (self.topic, self.dataset, self.metric, "+".join(self.attributes)) if part)

    def title(self, attribute: object) -> str:
        """What an attribute of this claim's dataset is called."""
        return attribute_title(self.dataset, str(attribute))

    def rows(self, tables: Tables, name: str) -> pd.DataFrame:
        """The rows of ``tables[name]`` for this claim's dataset and metric."""
        table = tables[name]
        return table[(table["dataset"] == self.dataset) & (table["metric"] == self.metric)]

    def row(self, tables: Tables, name: str, **where: str) -> pd.Series:
        """The one row of these that has the given values; LookupError where there is not exactly one."""
        rows = self.rows(tables, name)
        for column, value in where.items():
            rows = rows[rows[column] == value]
        if len(rows) != 1:
            raise LookupError(f"{len(rows)} rows of {name} for {self.id} with {where}; expected one")
        return rows.iloc[0]


def effect(claim: TableClaim, tables: Tables) -> tuple[str, list[str]]:
    """A positive GLM coefficient: significant as printed, under t, after Holm (of the t tests), without any one row."""
    (name,) = claim.attributes
    judged = claim.row(tables, "caveats_t_vs_z", term=name)
    holm = claim.row(tables, "caveats_multiplicity", attribute=name, test="t")["p_holm"]
    moved = claim.row(tables, "caveats_influence_summary", term=name)
    evidence = (
        f"coefficient {moved['coef']:.2f}; p = {judged['p_z']:.3g} (z), {judged['p_t']:.3g} (t), {holm:.3g} (t, Holm); "
        f"{moved['p_max']:.3g} (z) without the row {configuration_title(claim.dataset, moved['p_max_without'])}"
    )
    if judged["p_z"] >= _ALPHA or moved["coef"] <= 0:
        return evidence, ["not significant in the paper's own table"]
    objections = {
        "not significant under t": judged["p_t"] >= _ALPHA,
        "does not survive correction": holm >= _ALPHA,
        "rests on one row": bool(moved["rests_on_one_row"]),
    }
    return evidence, [objection for objection, applies in objections.items() if applies]


def weak(claim: TableClaim, tables: Tables, *, strong: Sequence[str]) -> tuple[str, list[str]]:
    """An effect near zero: the interval includes zero and stays below the effects of the ``strong`` attributes."""
    (name,) = claim.attributes
    coefficient = claim.row(tables, "published_glm", term=name)
    least = min(claim.row(tables, "published_glm", term=other)["coef"] for other in strong)
    interval = f"95 % interval {coefficient['ci_low']:.2f} to {coefficient['ci_high']:.2f}"
    evidence = f"{interval}; the least strong effect is {least:.2f}"
    if not coefficient["ci_low"] <= 0 <= coefficient["ci_high"]:
        return evidence, ["the interval excludes zero"]
    return evidence, ["the interval reaches effects called strong"] if coefficient["ci_high"] >= least else []


def difference(claim: TableClaim, tables: Tables, *, level: float) -> tuple[str, list[str]]:
    """A Welch test at ``level``, after Holm at 5 %, and with the other attributes held fixed by the GLM."""
    (name,) = claim.attributes
    tested = claim.row(tables, "caveats_multiplicity", attribute=name, test="welch")
    p_glm = claim.row(tables, "caveats_confounding", attribute=name)["p_glm"]
    evidence = f"p = {tested['p_value']:.3g} (Welch), {tested['p_holm']:.3g} (Holm); {p_glm:.3g} in the GLM"
    if not tested["p_value"] < level:
        return evidence, [f"p is not below {level:g} in the paper's own table"]
    objections = {
        "does not survive correction": tested["p_holm"] >= _ALPHA,
        "gone once the other attributes are held fixed": p_glm >= _ALPHA,
    }
    return evidence, [objection for objection, applies in objections.items() if applies]


def any_difference(claim: TableClaim, tables: Tables, *, level: float) -> tuple[str, list[str]]:
    """``difference`` for the one among the attributes whose Welch test has the smallest p-value."""
    tests = claim.rows(tables, "published_welch").set_index("attribute")["p_value"]
    best = str(tests[list(claim.attributes)].idxmin())
    evidence, objections = difference(replace(claim, attributes=(best,)), tables, level=level)
    return f"{claim.title(best)}: {evidence}", objections


def leaders(claim: TableClaim, tables: Tables, *, table: str, statistic: str, k: int) -> tuple[str, list[str]]:
    """The first ``k`` attributes by the size of a statistic all belong to the attributes that the paper names."""
    rows = claim.rows(tables, table).rename(columns={"term": "attribute"}).set_index("attribute")
    ranked = rows[statistic].drop("Intercept", errors="ignore").abs().sort_values(ascending=False, kind="stable")
    first = ranked.head(k)
    evidence = "largest: " + ", ".join(f"{claim.title(name)} {value:.2f}" for name, value in first.items())
    strangers = [claim.title(name) for name in first.index if name not in claim.attributes]
    return evidence, [f"the first {k} include {' and '.join(strangers)}"] if strangers else []


def forest_leaders(claim: TableClaim, tables: Tables, *, importance: str, k: int) -> tuple[str, list[str]]:
    """The attributes are among the first ``k`` of a forest importance, with the paper's seed and every other one."""
    if importance == "shap":
        rows = claim.rows(tables, "published_shap")
        values = rows["shap"].abs().groupby(rows["attribute"]).mean()
    else:
        values = claim.rows(tables, "published_forest").set_index("attribute")[importance]
    ranks = values.rank(ascending=False, method="min").astype(int)
    seeds = claim.rows(tables, "caveats_forest_seeds")
    worst = seeds[seeds["importance"] == importance].set_index("attribute")["rank_worst"]
    evidence = "; ".join(
        f"{claim.title(name)} rank {ranks[name]}, with other seeds down to {worst[name]}" for name in claim.attributes
    )
    if any(ranks[name] > k for name in claim.attributes):
        return evidence, ["not so with the paper's own seed"]
    return evidence, ["depends on the forest's seed"] if any(worst[name] > k for name in claim.attributes) else []


def stronger(claim: TableClaim, tables: Tables) -> tuple[str, list[str]]:
    """The first attribute's coefficient exceeds the second's, by a test of their difference."""
    first, second = claim.attributes
    contrast = claim.row(tables, "caveats_contrast", first=first, second=second)
    difference = f"difference {contrast['coef']:.2f} ± {contrast['std_err']:.2f} (standard error)"
    evidence = f"{difference}, p = {contrast['p_value']:.3g} (z)"
    if contrast["coef"] <= 0:
        return evidence, ["the other way round"]
    return evidence, ["the difference is not significant"] if contrast["p_value"] >= _ALPHA else []


def attributes_differ(claim: TableClaim, tables: Tables) -> tuple[str, list[str]]:
    """It matters which attributes are included, not only how many: an F test of equal coefficients."""
    test = claim.row(tables, "caveats_equal_effects")
    evidence = (
        f"their number alone explains {test['r2_count']:.0%} of the variance, all separately {test['r2_full']:.0%}; "
        f"p = {test['p_value']:.3g} (F)"
    )
    return evidence, ["cannot be told from counting attributes"] if test["p_value"] >= _ALPHA else []


def same_conclusions(claim: TableClaim, tables: Tables, *, other: str) -> tuple[str, list[str]]:
    """The attributes with p < 0.05 in the GLM of this metric are those of the ``other`` metric."""
    glm = tables["published_glm"]
    glm = glm[(glm["dataset"] == claim.dataset) & (glm["term"] != "Intercept") & (glm["p_value"] < _ALPHA)]
    significant = {metric: list(glm.loc[glm["metric"] == metric, "term"]) for metric in (other, claim.metric)}
    evidence = "; ".join(
        f"{METRICS[metric]}: {', '.join(map(claim.title, names)) or 'none'}" for metric, names in significant.items()
    )
    first, second = (set(names) for names in significant.values())
    return evidence, ["other attributes are significant"] if first != second else []
