"""The cells of the experiment, from a TOML file: which worlds, how a baseline gets strong there, and what is trained.

```toml
[[cell]]
name = "market1501-identity-90"
dataset = "market1501"
route = "identity"            # or "attributes", "default"
target = 90                   # the baseline mAP that was aimed at, percent
identities = 600              # people; the world's train_share of them are for training
world = "legibility=0.8"      # options of the world, as `mosaicreid data synthesize --world`
settings = "stages.baseline.epochs=28"    # of every run, beside the tiny profile
lengths = [4, 24]             # epochs of the experts; the first length is the one of the main comparison
arms = ["experts", "permuted", "always_on"]   # trained for the first length; [] for the baseline alone
long_arms = ["experts", "permuted"]           # trained for the other lengths
configurations = ["all"]      # what the arm `experts` is trained with
matched = true                # whether labels are also made worse until the oracle gains the paper's shares
first_world = 100             # seed of the first world; the others follow
worlds = 4
seeds = 1                     # trainings in each world, one after the other from the first stage on
dealt = true                  # the bits that images hide are dealt to attributes at random, anew in every world
shares = "hat=0.1"            # of people with the second value, by attribute of two values, whose own mAP is given
read_each = true              # whether the bits that heads leave unread are given of every attribute
with_labels = false           # whether what is trained is also scored with the labels added
groups = 10                   # into so many groups test people are dealt, whose mAP stands beside everybody's; 0: none
first_seed = 1                # number of the first training in a world: 1 to add to a cell that has trained once
```

Two more arms train nothing: ``switched_off`` is the experts of ``all`` with those of the attributes outside each
configuration off, ``labels`` ranks by the agreement of labels alone; both score the configuration ``baseline`` too,
where all experts are off or there is no label.
"""

import dataclasses
import hashlib
import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from mosaicreid.config.inclusion import inclusion_set
from mosaicreid.config.parsing import build, check_at_most, check_not_negative, check_positive, parse_settings, plain
from mosaicreid.config.profiles import make_config
from mosaicreid.config.settings import Config
from mosaicreid.config.worlds import world_options
from mosaicreid.datasets import get_schema
from mosaicreid.errors import InputError, one_of
from mosaicreid.world.dealing import deal
from mosaicreid.world.people import World, make_world

ArmName = Literal["experts", "permuted", "always_on", "switched_off", "labels"]
# The committed settings, and those of the pilots that they were chosen in.
CELLS, PILOTS = (Path(__file__).parent / f"{name}.toml" for name in ("cells", "pilots"))
_MOST_WORLDS = 1_000_000
# What a random stream is for; part of its seed.
_DEAL = 7
# What differs by arm, so that a cell's settings cannot say it.
_BY_ARM = ("experts", "seed", "profile", "data.dataset", "stages.experts.epochs", "stages.experts.milestones")


@dataclass(frozen=True)
class Draw:
    """A world by its seed, and the number of a training in it, from 0."""

    world: int
    seed: int

    @property
    def training_seed(self) -> int:
        """The seed of every generator of this training; no other draw has it."""
        return self.world + _MOST_WORLDS * self.seed


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One cell: fields as in the file, see this module's docstring.

    Raises:
        InputError: a value out of range, no world, no length or arm, or a setting that differs by arm.
    """

    name: str
    dataset: str
    route: Literal["identity", "attributes", "default"]
    target: float
    identities: int
    first_world: int
    worlds: int
    lengths: tuple[int, ...]
    world: str = ""
    settings: str = ""
    arms: tuple[ArmName, ...] = ("experts", "permuted", "always_on")
    long_arms: tuple[ArmName, ...] = ("experts", "permuted")
    configurations: tuple[str, ...] = ("all",)
    matched: bool = False
    seeds: int = 1
    dealt: bool = False
    shares: str = ""
    read_each: bool = False
    with_labels: bool = True
    groups: int = 0
    first_seed: int = 0

    def __post_init__(self) -> None:
        """Check everything that can be checked without drawing a world."""
        if not self.name or not all(letter.isalnum() or letter in "-_.+" for letter in self.name):
            raise InputError(f"cell {self.name!r}: expected a name of letters, digits and - _ . +, it names a folder")
        if self.worlds < 1:
            raise InputError(f"cell {self.name} has {self.worlds} worlds; expected at least 1 (4 for an interval)")
        if not 1 <= self.seeds <= 100 or not 0 <= self.first_seed <= 100:
            raise InputError(
                f"cell {self.name} has {self.seeds} seeds from {self.first_seed} on; expected 1 to 100, from 0..100 on"
            )
        if self.groups not in (0, *range(2, 101)):
            raise InputError(f"cell {self.name} has {self.groups} groups of people; expected 2 to 100, or 0 for none")
        if self.matched and not self.with_labels:
            raise InputError(f"cell {self.name} is matched, which adds labels; expected with_labels to be true then")
        if not self.lengths or not self.configurations:
            raise InputError(f"cell {self.name} has no length or no configuration; expected at least one of each")
        if "switched_off" in self.arms and not ("experts" in self.arms and "all" in self.configurations):
            raise InputError(
                f"cell {self.name} switches experts off that it does not train; expected the arm experts and the "
                "configuration all"
            )
        if not set(self.long_arms) <= {"experts", "permuted", "always_on"}:
            raise InputError(f"cell {self.name} has long arms {list(self.long_arms)}; expected arms that are trained")
        for names in (self.lengths, self.arms, self.configurations):
            if len(set(names)) < len(names):
                raise InputError(f"cell {self.name}: {list(names)} holds something twice; expected it once")
        check_positive(self, "target")
        check_at_most(self, 100, "target")
        check_at_most(self, 9998, "identities")
        check_not_negative(self, "first_world")
        check_at_most(self, _MOST_WORLDS / 2, "first_world", "worlds")
        self.drawn(self.first_world)
        for configuration in self.configurations:
            if not inclusion_set(configuration, get_schema(self.dataset)):
                raise InputError(f"cell {self.name}: configuration {configuration!r} has no experts to train")
        for name in parse_settings(self.settings):
            if name.startswith(_BY_ARM):
                raise InputError(f"cell {self.name}: the setting {name} differs by arm; expected it not to be set")
        for length in self.lengths:
            self.config(seed=0, epochs=length)

    def drawn(self, seed: int) -> World:
        """The world of this cell with that seed: priors and visibilities that its people and images are drawn from.

        Raises:
            InputError: options or shares that do not fit the dataset.
        """
        legibility = world_options(self.dataset, self.world).legibility
        world = make_world(self.dataset, legibility=legibility, shares=parse_settings(self.shares))
        return deal(world, np.random.default_rng([seed, _DEAL])) if self.dealt else world

    @property
    def draws(self) -> tuple[Draw, ...]:
        """Everything that is drawn and trained: every world once, then every world with the next seed."""
        worlds = range(self.first_world, self.first_world + self.worlds)
        seeds = range(self.first_seed, self.first_seed + self.seeds)
        return tuple(Draw(world, seed) for seed in seeds for world in worlds)

    def config(self, *, seed: int, epochs: int, configuration: str = "all", routing: str = "oracle") -> Config:
        """Settings of one run; the learning rate falls as ``milestones`` says."""
        return make_config(
            "tiny",
            parse_settings(self.settings)
            | {
                "data.dataset": self.dataset,
                "seed": seed,
                "experts.configuration": configuration,
                "experts.routing": routing,
                "stages.experts.epochs": epochs,
                "stages.experts.milestones": milestones(epochs),
            },
        )

    def fingerprint(self) -> str:
        """Twelve hexadecimal digits of what one world's numbers depend on: everything but how many worlds there are.

        What is left at its default does not count, so that worlds stay good when cells learn to say more.
        """
        usual = {field.name: field.default for field in dataclasses.fields(self)}
        values = {
            name: value
            for name, value in asdict(self).items()
            if name not in ("worlds", "first_world", "seeds", "first_seed") and value != usual[name]
        }
        values = plain(values)
        return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:12]


def milestones(epochs: int) -> list[int]:
    """Epochs from which the learning rate is a tenth and a hundredth: at 75 % and 92 % of ``epochs``.

    None is the last epoch: what it trains at a lower rate yet, short schedules cannot spare.
    """
    return sorted({round(0.75 * epochs), round(0.92 * epochs)} - {0, epochs})


def read_cells(path: Path) -> tuple[Cell, ...]:
    """The cells of the TOML file at ``path``, in its order.

    Raises:
        InputError: no such file, or not TOML; no cell; a key that is unknown, missing or of the wrong type; a value
            that a cell refuses; two cells of one name.
    """
    path = Path(path)
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"no settings of cells at {path}: {error.strerror}; expected a TOML file") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(f"{path} is not TOML: {error}") from error
    entries = content.get("cell")
    if set(content) != {"cell"} or not isinstance(entries, list) or not entries:
        raise InputError(f"{path} has {', '.join(content) or 'nothing'}; expected [[cell]] tables and nothing else")
    cells = tuple(_cell(entry, f"{path}, cell {number}") for number, entry in enumerate(entries, 1))
    names = [cell.name for cell in cells]
    for name in names:
        if names.count(name) > 1:
            raise InputError(f"{path}: two cells are called {name!r}; expected names that differ")
    return cells


def choose_cells(cells: Sequence[Cell], names: Sequence[str]) -> tuple[Cell, ...]:
    """The cells called ``names``, all of them for none; InputError for a name that there is not."""
    known = [cell.name for cell in cells]
    for name in names:
        if name not in known:
            raise one_of("cell", name, known)
    return tuple(cell for cell in cells if not names or cell.name in names)


def _cell(entry: Any, where: str) -> Cell:
    if not isinstance(entry, Mapping):
        raise InputError(f"{where} is {entry!r}; expected a table")
    fields = dataclasses.fields(Cell)
    known = [field.name for field in fields]
    for name in entry:
        if name not in known:
            raise one_of(f"key of {where}", name, known)
    required = [field.name for field in fields if field.default is dataclasses.MISSING]
    missing = [name for name in required if name not in entry]
    if missing:
        raise InputError(f"{where} has no {', '.join(missing)}; expected all of: {', '.join(required)}")
    return build(Cell, entry, where)
