"""Worlds in which chance decides what images hide, so that no attribute is favoured by who made the world."""

from dataclasses import replace

import numpy as np
from scipy.optimize import brentq

from mosaicreid.attributes import AttributeGroup
from mosaicreid.world.people import World, entropy, knowledge_gain

# An attribute that images show nothing of would be one that experts alone could ever tell.
_MOST_OF_ENTROPY = 0.9


def deal(world: World, generator: np.random.Generator) -> World:
    """The same world with its hidden bits (``truth``'s knowledge gains) dealt to the attributes at random.

    Every attribute gets another's bits, by a visibility that hides as much, or nine tenths of its own entropy where
    that is less: a value that nearly all people share has few bits to hide.
    """
    bits = np.array([float(row["knowledge_gain_bits"]) for row in world.truth()])
    dealt = generator.permutation(bits)
    visibility = {
        group.name: _visibility(world, group, float(target))
        for group, target in zip(world.schema.groups, dealt, strict=True)
    }
    return replace(world, visibility=visibility)


def _visibility(world: World, group: AttributeGroup, bits: float) -> float:
    prior = np.array(world.priors[group.name])
    least = min(bits, _MOST_OF_ENTROPY * entropy(prior))
    if least <= 0:
        return 1.0
    # Hidden bits fall with visibility, from the whole entropy at 0 to nothing at 1.
    return float(brentq(lambda visible: knowledge_gain(prior, prior, visible) - least, 0.0, 1.0))
