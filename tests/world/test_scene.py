"""A camera calmed: nearer to a perfect one by the factor, in its place."""

import numpy as np
import pytest

from mosaicreid.world.scene import Camera


def test_a_factor_of_one_changes_no_bit() -> None:
    for seed in range(200):
        camera = Camera.draw(np.random.default_rng(seed))
        assert camera.calmed(1.0) == camera


def test_a_calm_camera_is_nearer_to_a_perfect_one() -> None:
    camera = Camera((1.1, 0.96, 0.9), 1.2, 0.4, 7)
    half = camera.calmed(0.5)
    assert half.gains == pytest.approx((1.05, 0.98, 0.95))
    assert (half.gamma, half.softness, half.seed) == (pytest.approx(1.1), pytest.approx(0.2), 7)
    assert camera.calmed(0.0) == Camera((1.0, 1.0, 1.0), 1.0, 0.0, 7)
