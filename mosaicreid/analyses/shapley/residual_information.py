"""What a trained model's own features leave open about a label, and whether measured importance follows that.

A world's truth says what images hide from a perfect reader. A model reads imperfectly, so a label can be worth more to
it: what the label tells beyond what a linear head can read from the frozen features (``labels.heads``).
"""

import pandas as pd

from mosaicreid.analyses.shapley.tables import METHODS
from mosaicreid.errors import InputError
from mosaicreid.statistics.rank_agreement import FEWEST, spearman


def residual_information(heads: pd.DataFrame, values: pd.DataFrame) -> pd.DataFrame:
    """The tables ``oracle_heads.csv`` and ``shapley_attributes.csv`` side by side.

    Returns dataset, attribute, unread_bits (mean over seeds), unread_sd (over seeds), and what each of ``METHODS``
    says, where there is one: in points of mAP, the truth in bits.

    Raises:
        InputError: an attribute that has values and no head.
    """
    keys = ["dataset", "attribute"]
    wide = values.pivot_table(index=keys, columns="method", values="value")
    missing = [name for _, name in wide.index.difference(pd.MultiIndex.from_frame(heads[keys]))]
    if missing:
        raise InputError(f"oracle_heads.csv has no head of {', '.join(missing)}; `mosaicreid oracle collect` writes it")
    wide = wide[[name for name in METHODS if name in wide]]
    return heads[[*keys, "unread_bits", "unread_sd"]].merge(wide.reset_index(), on=keys)


def residual_agreement(table: pd.DataFrame) -> pd.DataFrame:
    """Rank correlation of ``METHODS`` with unread bits: dataset, importance, rho, ci_low, ci_high, attributes.

    A dataset with fewer than five attributes has no rows.
    """
    rows = []
    ranked = table[table.groupby("dataset")["attribute"].transform("size") >= FEWEST]
    for dataset, rows_of_dataset in ranked.groupby("dataset", sort=False):
        for name in [name for name in METHODS if name in rows_of_dataset and rows_of_dataset[name].notna().all()]:
            rho, low, high = spearman(
                rows_of_dataset[name].to_numpy(float), rows_of_dataset["unread_bits"].to_numpy(float)
            )
            row = {"dataset": dataset, "importance": name, "rho": rho, "ci_low": low, "ci_high": high}
            rows.append(row | {"attributes": len(rows_of_dataset)})
    return pd.DataFrame(rows)
