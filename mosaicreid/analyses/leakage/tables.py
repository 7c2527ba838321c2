"""Tables of what attributes alone retrieve, and of how the paper's scores relate to it."""

import numpy as np
import pandas as pd
from scipy import stats

from mosaicreid.analyses.leakage.compute import METRICS, Candidates, subset_identities, subset_scores
from mosaicreid.attributes import Annotation, Schema
from mosaicreid.published import load_table
from mosaicreid.statistics.shapley import shapley_values, subsets

_BASELINE, _ALL = "baseline", "all"


def leakage_table(candidates: Candidates, annotation: Annotation) -> pd.DataFrame:
    """One row per subset, in the order of ``statistics.shapley.subsets``: a 0/1 column per attribute, ``size``, the
    columns of ``subset_scores`` (percent) and those of ``subset_identities``."""
    members = pd.DataFrame(subsets(len(annotation.schema.groups)), columns=list(annotation.schema.attributes))
    members["size"] = members.sum(axis=1)
    return pd.concat([members, subset_scores(candidates), subset_identities(annotation)], axis=1)


def leakage_shapley(table: pd.DataFrame, schema: Schema) -> pd.DataFrame:
    """A row per attribute, in the order of the schema: its exact Shapley value in percentage points of each of
    ``METRICS``, and beside it the coefficients of the paper's GLMs (Tables 4 and 7). ``table``: ``leakage_table``."""
    values = shapley_values(table[list(METRICS)].to_numpy())
    result = pd.DataFrame({"dataset": schema.dataset, "attribute": schema.attributes})
    result["cluster"] = [group.cluster for group in schema.groups]
    result[list(METRICS)] = values
    for column, number in (("glm_mAP", 4), ("glm_rank1", 7)):
        coefficients = load_table(number, schema.dataset).set_index("term")["coef"]
        result[column] = coefficients[list(schema.attributes)].to_numpy()
    return result


def leakage_summary(table: pd.DataFrame, candidates: Candidates, schema: Schema) -> pd.DataFrame:
    """Two rows, distractors kept and removed: what no attribute and what all attributes retrieve and reveal.

    ``rivals`` is the median, over queries, of the wrong gallery images that agree with the query on every attribute;
    ``excluded`` the mean share of wrong gallery images that do not. ``identity_bits`` is the entropy of the identity
    before any attribute is known, ``entropy_bits`` what remains when all are.
    """
    none, everything = table.iloc[0], table.iloc[-1]
    rows = []
    for distractors, suffix, size in (
        ("kept", "", candidates.size),
        ("removed", "_no_distractors", candidates.size_no_distractors),
    ):
        # Without any attribute, everything that competes is in the first block.
        wrong, rivals = size[:, 0] - candidates.matches, size[:, -1] - candidates.matches
        rows.append(
            {
                "dataset": schema.dataset,
                "distractors": distractors,
                "queries": len(candidates.matches),
                "unmatched": candidates.unmatched,
                "chance_mAP": none[f"mAP{suffix}"],
                "chance_rank1": none[f"rank1{suffix}"],
                "mAP": everything[f"mAP{suffix}"],
                "rank1": everything[f"rank1{suffix}"],
                "rivals": float(np.median(rivals)),
                "excluded": float(1 - (rivals / wrong).mean()),
                "identities": int(none["shared_identities"]),
                "distinct_vectors": int(everything["distinct_vectors"]),
                "shared_identities": int(everything["shared_identities"]),
                "identity_bits": none["entropy_bits"],
                "entropy_bits": everything["entropy_bits"],
            }
        )
    return pd.DataFrame(rows)


def leakage_published(table: pd.DataFrame, schema: Schema) -> pd.DataFrame:
    """A row per configuration of Table 3: its number of attributes, what those attributes retrieve without an image
    (percent) and how many bits of identity they reveal, and the paper's scores (percent)."""
    published = load_table(3, schema.dataset)
    included = published[list(schema.attributes)].to_numpy()
    without_image = table.iloc[included @ (1 << np.arange(included.shape[1]))].reset_index(drop=True)
    return pd.DataFrame(
        {
            "dataset": schema.dataset,
            "configuration": published["configuration"],
            "size": included.sum(axis=1),
            "leakage_mAP": without_image["mAP"],
            "leakage_rank1": without_image["rank1"],
            "known_bits": table["entropy_bits"].iloc[0] - without_image["entropy_bits"],
            "mAP": published["mAP"],
            "rank1": published["rank1"],
        }
    )


def leakage_relation(published: pd.DataFrame, shapley: pd.DataFrame) -> pd.DataFrame:
    """One row: the paper's gain, and how its scores follow what attributes retrieve without an image.

    ``gain`` is all minus baseline in points of mAP, ``shortfall`` what the baseline lacks of 100, ``removed`` their
    ratio. Correlations of the published mAP over the configurations with the attributes' own mAP, the bits they reveal
    and their number (Pearson ``r_``, Spearman ``rho_``); ``rho_single`` over the configurations of one attribute;
    ``r_glm`` and ``rho_glm`` between Shapley values and GLM coefficients over the attributes.

    Args:
        published: one dataset's ``leakage_published``.
        shapley: the same dataset's ``leakage_shapley``.
    """
    score = published.set_index("configuration")["mAP"]
    gain, shortfall = score[_ALL] - score[_BASELINE], 100 - score[_BASELINE]
    single = published[published["size"] == 1]
    row: dict[str, object] = {
        "dataset": published["dataset"].iloc[0],
        "configurations": len(published),
        "gain": gain,
        "shortfall": shortfall,
        "removed": gain / shortfall,
    }
    for name, column in (("leakage", "leakage_mAP"), ("bits", "known_bits"), ("size", "size")):
        row[f"r_{name}"] = stats.pearsonr(published[column], published["mAP"]).statistic
        row[f"rho_{name}"] = stats.spearmanr(published[column], published["mAP"]).statistic
    row["rho_single"] = stats.spearmanr(single["leakage_mAP"], single["mAP"]).statistic
    row["r_glm"] = stats.pearsonr(shapley["mAP"], shapley["glm_mAP"]).statistic
    row["rho_glm"] = stats.spearmanr(shapley["mAP"], shapley["glm_mAP"]).statistic
    return pd.DataFrame([row])
