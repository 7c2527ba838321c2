"""What is installed here: which distributions a set of extras brings, and which modules those provide."""

from importlib.metadata import Distribution, distribution, packages_distributions

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name


def brought_by(*extras: str) -> dict[str, Distribution]:
    """The package with these extras and everything they need on this machine, by canonical name."""
    found: dict[str, Distribution] = {}
    seen: set[tuple[str, str]] = set()
    waiting = [("mosaicreid", extra) for extra in ("", *extras)]
    while waiting:
        name, extra = waiting.pop()
        if (name, extra) in seen:
            continue
        seen.add((name, extra))
        found[name] = distribution(name)
        for requirement in map(Requirement, found[name].requires or ()):
            if requirement.marker is None or requirement.marker.evaluate({"extra": extra}):
                waiting += [(canonicalize_name(requirement.name), other) for other in ("", *requirement.extras)]
    return found


def modules_beside(distributions: dict[str, Distribution]) -> list[str]:
    """Every top-level module that is installed here but belongs to none of ``distributions``."""
    return sorted(
        module
        for module, owners in packages_distributions().items()
        if not {canonicalize_name(owner) for owner in owners} & distributions.keys()
    )
