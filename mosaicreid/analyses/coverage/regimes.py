"""What the simulated data are like: settings by dataset from ``regimes.toml``, which match the committed results."""

import dataclasses
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mosaicreid.config.parsing import build
from mosaicreid.datasets import get_schema
from mosaicreid.errors import InputError, one_of
from mosaicreid.statistics.simulation import PanelModel

REGIMES = Path(__file__).parent / "regimes.toml"


@dataclass(frozen=True, kw_only=True)
class Game:
    """The test in which experts of one model are switched off: fewer people, fewer images to confuse them with.

    ``intercept`` and ``scale``: the latent score without attributes, and a factor of all effects; ``pairs`` of orders.
    Spreads are those of the panel.
    """

    identities: int
    queries_per_identity: int
    intercept: float
    scale: float
    pairs: int


@dataclass(frozen=True, kw_only=True)
class Regime:
    """One kind of data; latent effects in units of AP (see ``statistics.simulation``).

    ``effects``: of the dataset's attributes in their order. ``hit``: a query counts as hit above this score. ``labels``
    and ``given_labels``: what labels added to the score bring the baseline, and bring the model with all experts.
    ``reliability``: share of the variance of estimated effects over attributes that is not sampling error.

    Raises:
        InputError: another number of effects than the dataset has attributes, or a share outside 0..1.
    """

    dataset: str
    panel: PanelModel
    game: Game
    intercept: float
    effects: tuple[float, ...]
    hit: float
    labels: float
    given_labels: float
    reliability: float

    def __post_init__(self) -> None:
        """Refuse what fits no dataset."""
        wanted = len(get_schema(self.dataset).attributes)
        if len(self.effects) != wanted:
            raise InputError(f"got {len(self.effects)} effects of {self.dataset}; expected one of each of {wanted}")
        for name in ("hit", "reliability"):
            if not 0 < getattr(self, name) <= 1:
                raise InputError(f"{name} of {self.dataset} is {getattr(self, name)}; expected more than 0, at most 1")

    @property
    def beta(self) -> NDArray[np.float64]:
        """(A + 1,) latent effects, intercept first."""
        return np.array([self.intercept, *self.effects])

    @property
    def game_world(self) -> PanelModel:
        """The people of the game."""
        game = self.game
        return replace(self.panel, identities=game.identities, queries_per_identity=game.queries_per_identity)

    @property
    def game_beta(self) -> NDArray[np.float64]:
        """(A + 1,) latent effects in the game, intercept first."""
        return np.array([self.game.intercept, *(self.game.scale * np.array(self.effects))])


def read_regimes(path: Path = REGIMES) -> tuple[Regime, ...]:
    """The regimes of a TOML file, in its order.

    Raises:
        InputError: no such file, or not TOML; no regime, two of one dataset; a key that is unknown or missing, or a
            value that is none.
    """
    path = Path(path)
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"no settings of regimes at {path}: {error.strerror}; expected a TOML file") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(f"{path} is not TOML: {error}") from error
    entries = content.get("regime")
    if set(content) != {"regime"} or not isinstance(entries, list) or not entries:
        raise InputError(f"{path} has {', '.join(content) or 'nothing'}; expected [[regime]] tables and nothing else")
    regimes = tuple(_complete(Regime, entry, f"{path}, regime {number}") for number, entry in enumerate(entries, 1))
    datasets = [regime.dataset for regime in regimes]
    if len(set(datasets)) < len(datasets):
        raise InputError(f"{path} has regimes of {', '.join(datasets)}; expected each dataset once")
    return regimes


def _complete(kind: type, entry: Any, where: str) -> Any:
    """``build``, with every key there and none unknown, in tables within tables too."""
    known = {field.name: field.type for field in dataclasses.fields(kind)}
    if not isinstance(entry, Mapping):
        raise InputError(f"{where} is {entry!r}; expected a table of {', '.join(known)}")
    for name in entry:
        if name not in known:
            raise one_of(f"key of {where}", name, known)
    missing = [name for name in known if name not in entry]
    if missing:
        raise InputError(f"{where} has no {', '.join(missing)}; expected all of: {', '.join(known)}")
    for name, inner in known.items():
        if dataclasses.is_dataclass(inner):
            _complete(inner, entry[name], f"{where}, {name}")  # type: ignore[arg-type]
    return build(kind, entry, where)
