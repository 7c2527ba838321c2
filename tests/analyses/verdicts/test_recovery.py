"""What worlds with cues of a set frequency say of the claim on rare ones."""

import pandas as pd
import pytest

from mosaicreid.analyses.recovery.decision import rare
from mosaicreid.analyses.verdicts.claims import CLAIMS, OPTIONAL
from mosaicreid.analyses.verdicts.recovery import rare_cue


def tables(low: list[float], high: list[float], *, margin: float = 0.6) -> dict[str, pd.DataFrame]:
    means = [(one + other) / 2 for one, other in zip(low, high, strict=True)]
    shares = pd.DataFrame({"share": [0.06, 0.5], "mean": means, "low": low, "high": high, "labels_mean": [1.25, 4.0]})
    other = shares.assign(dataset="dukemtmc", mean=9.0)
    said = {"margin": margin, "verdict": rare(low, high, margin=margin), "beside_bits": "not told from its bits"}
    answers = [{"dataset": "market1501", "quantity": name, **said} for name in ("gain_all", "slope")]
    # In any order of shares.
    return {
        "recovered_rare": pd.concat([other, shares.assign(dataset="market1501")[::-1]]),
        "recovered_rare_answers": pd.DataFrame(answers),
    }


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        ([0.0, 0.1], [0.4, 0.5], "holds"),
        ([0.0, 1.1], [0.4, 1.5], "holds"),
        ([0.7, 1.1], [0.9, 1.5], "fails"),
        ([0.5, 1.1], [0.9, 1.5], "open"),
    ],
)
def test_the_decision_on_rare_cues_is_the_verdict(low: list[float], high: list[float], verdict: str) -> None:
    found = rare_cue(tables(low, high), "market1501")
    assert found.verdict == verdict
    assert found.evidence.startswith(f"a cue that 6% have, alone {(low[0] + high[0]) / 2:.1f} ({low[0]:.1f} to ")
    assert found.evidence.endswith("; its labels without experts 1.2; margin 0.6; not told from its bits")


def test_without_these_worlds_nothing_is_said() -> None:
    every = tables([0.0, 0.1], [0.4, 0.5])
    assert rare_cue({}, "market1501").verdict == "–"
    for name in every:
        assert name in OPTIONAL
        assert rare_cue({name: every[name]}, "market1501").verdict == "–"


def test_a_dataset_without_such_worlds_is_named() -> None:
    every = tables([0.0, 0.1], [0.4, 0.5])
    answers = every["recovered_rare_answers"].assign(dataset="msmt17")
    for changed in (every, every | {"recovered_rare_answers": answers}):
        with pytest.raises(LookupError, match=r"0 rows .*msmt17"):
            rare_cue(changed, "msmt17")


def test_the_claim_on_a_hat_is_judged_so() -> None:
    (claim,) = (claim for claim in CLAIMS if "hat" in claim.text.split())
    assert claim.controls is rare_cue
