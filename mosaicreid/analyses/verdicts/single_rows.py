"""Whether a contrast of attribute effects hangs on one configuration of the experiment."""

import numpy as np
import pandas as pd

_TINY = 1e-9


def deciding_configurations(table: pd.DataFrame, weights: pd.Series) -> list[str]:
    """The configurations without any one of which a contrast has another sign, or cannot be told at all.

    Args:
        table: configuration, a 0/1 column per attribute and mAP; a row per configuration.
        weights: of the attributes (index), as a row of ``contrast_weights``. Effects are least squares on mAP, which
            is what the mixed-effects model estimates too.
    """
    design = np.column_stack([np.ones(len(table)), table[list(weights.index)].to_numpy(float)])
    score, contrast = table["mAP"].to_numpy(float), np.append(0.0, weights.to_numpy(float))
    inverse = np.linalg.pinv(design)
    whole, share = contrast @ inverse @ score, contrast @ inverse
    # The fit without a row in closed form; a row with leverage 1 alone determines what it has a share in.
    residual, free = score - design @ (inverse @ score), 1 - np.einsum("ij,ji->i", design, inverse)
    alone = free < _TINY
    without = whole - np.where(alone, 0.0, share * residual / np.where(alone, 1.0, free))
    decides = (np.sign(without) != np.sign(whole)) | (alone & (np.abs(share) > _TINY))
    return table["configuration"][decides].tolist()
