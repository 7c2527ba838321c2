"""Details spread and shots calmed, against the arithmetic by hand; a factor of 1 changes no bit."""

from dataclasses import replace

import numpy as np
import pytest

from mosaicreid.world.wardrobe import Detail, Shot


def test_a_factor_of_one_changes_no_bit() -> None:
    for seed in range(200):
        detail, shot = Detail.draw(np.random.default_rng(seed)), Shot.draw(np.random.default_rng(seed))
        assert detail.spread(1.0) == detail
        assert shot.calmed(1.0) == shot


def test_private_cues_spread_around_their_mean_and_choices_stay() -> None:
    detail = Detail.draw(np.random.default_rng(3))
    wide = detail.spread(2.0)
    for name in ("height", "build", "up_shade", "down_shade", "up_tone"):
        assert getattr(wide, name) - 0.5 == pytest.approx(2 * (getattr(detail, name) - 0.5))
    assert replace(wide, **{name: getattr(detail, name) for name in ("height", "build")}).skin == detail.skin
    assert (wide.hat, wide.luggage, wide.up_texture) == (detail.hat, detail.luggage, detail.up_texture)
    assert detail.spread(0.0).height == 0.5


def test_what_happens_to_shots_becomes_rarer_and_smaller() -> None:
    shots = [Shot.draw(np.random.default_rng(seed)) for seed in range(4000)]
    calm = [shot.calmed(0.25) for shot in shots]
    for name, holds, share in (
        ("low_light", lambda value: value < 0.15, 0.15),
        ("occluder", lambda value: value < 0.25, 0.25),
        ("blur", lambda value: value > 0.6, 0.4),
    ):
        usual, rare = (np.mean([holds(getattr(shot, name)) for shot in some]) for some in (shots, calm))
        assert usual == pytest.approx(share, abs=0.03)
        assert rare == pytest.approx(share / 4, abs=0.02)
    assert np.std([shot.light for shot in calm]) == pytest.approx(np.std([shot.light for shot in shots]) / 4)
    assert [shot.view for shot in calm] == [shot.view for shot in shots]
    still = shots[0].calmed(0.0)
    assert (still.scale, still.shift_x, still.shift_y, still.light) == (0.5, 0.5, 0.5, 0.5)
    assert still.low_light > 0.15
    assert still.occluder > 0.25
    assert still.blur < 0.6
