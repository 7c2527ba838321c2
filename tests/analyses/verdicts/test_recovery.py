"""What worlds with cues of a set frequency say of the claim on rare ones."""

import pandas as pd
import pytest

from mosaicreid.analyses.verdicts.claims import CLAIMS, OPTIONAL
from mosaicreid.analyses.verdicts.recovery import rare_cue

LITTLE = (0.1, 0.4)


def tables(
    rare: tuple[float, float], labels: tuple[float, float], common: tuple[float, float]
) -> dict[str, pd.DataFrame]:
    ends = {"low": [rare[0], common[0]], "high": [rare[1], common[1]]}
    labels_ends = {
        "labels_low": [labels[0], 3.0],
        "labels_high": [labels[1], 5.0],
        "labels_mean": [sum(labels) / 2, 4.0],
    }
    shares = pd.DataFrame({"share": [0.06, 0.5], "mean": [sum(rare) / 2, sum(common) / 2], **ends, **labels_ends})
    other = shares.assign(dataset="dukemtmc", mean=9.0, low=8.0, high=10.0)
    answers = [{"dataset": "market1501", "quantity": name, "margin": 0.6} for name in ("gain_all", "slope")]
    # In any order of shares.
    return {
        "recovered_rare": pd.concat([other, shares.assign(dataset="market1501")[::-1]]),
        "recovered_rare_answers": pd.DataFrame(answers),
    }


@pytest.mark.parametrize(
    ("rare", "labels", "verdict"),
    [
        (LITTLE, (0.2, 0.5), "holds"),
        # Labels might pass the margin, but are not shown to.
        (LITTLE, (0.5, 2.0), "holds"),
        ((-0.7, 0.4), (0.2, 0.5), "open"),
        ((0.5, 0.9), (1.0, 2.0), "open"),
        ((0.7, 0.9), (1.0, 2.0), "fails"),
        ((-0.9, -0.7), (0.2, 0.5), "fails"),
    ],
)
def test_the_rarest_cues_gain_is_beside_the_margin(
    rare: tuple[float, float], labels: tuple[float, float], verdict: str
) -> None:
    # Whatever common cues gain: the claim is on rare ones.
    for common in ((0.1, 0.2), (0.5, 0.7), (2.0, 3.0)):
        found = rare_cue(tables(rare, labels, common), "market1501")
        assert found.verdict == verdict
        assert "hardly learnt" not in found.evidence


def test_what_labels_bring_and_experts_do_not_is_hardly_learnt() -> None:
    found = rare_cue(tables(LITTLE, (0.7, 2.1), (2.0, 3.0)), "market1501")
    assert found.verdict == "open"
    assert found.evidence == (
        "cues that 6% have, after short training, 0.2 (0.1 to 0.4); their labels without experts 1.4 (0.7 to 2.1); "
        "margin ±0.6: hardly learnt"
    )


def test_without_these_worlds_nothing_is_said() -> None:
    every = tables(LITTLE, LITTLE, LITTLE)
    assert rare_cue({}, "market1501").verdict == "–"
    for name in every:
        assert name in OPTIONAL
        assert rare_cue({name: every[name]}, "market1501").verdict == "–"


def test_a_dataset_without_such_worlds_is_named() -> None:
    every = tables(LITTLE, LITTLE, LITTLE)
    answers = every["recovered_rare_answers"].assign(dataset="msmt17")
    for changed in (every, every | {"recovered_rare_answers": answers}):
        with pytest.raises(LookupError, match=r"0 rows .*msmt17"):
            rare_cue(changed, "msmt17")


def test_the_claim_on_a_hat_is_judged_so() -> None:
    (claim,) = (claim for claim in CLAIMS if "hat" in claim.text.split())
    assert claim.controls is rare_cue
