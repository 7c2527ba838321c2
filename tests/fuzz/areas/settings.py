"""Settings: lines of them, whole configurations, and what a sweep is asked for, against plain dictionaries."""

import json
import math
import re
from pathlib import Path
from random import Random
from typing import Any

from fuzz.campaign import must
from fuzz.mutate import NUMBERS, TEXTS, bad_json, odd, other_type

from mosaicreid.config.parsing import format_settings, parse_settings
from mosaicreid.config.profiles import PROFILES, from_parameters, make_config
from mosaicreid.config.settings import Config
from mosaicreid.datasets import DATASETS
from mosaicreid.sweep.request import read_sweep


class Area:
    def __init__(self, folder: Path, user: Path) -> None:
        self._leaves = dict(_flat(PROFILES["tiny"].to_dict()))

    def attempt(self, random: Random, place: Path) -> None:
        random.choice([self._line, self._one_setting, self._document, self._sweep, self._sweep])(random)

    def _line(self, random: Random) -> None:
        """What can be set can be written and read back; what is written badly is a line."""
        names = random.sample(list(self._leaves), random.randrange(1, 4))
        values = {name: random.choice([odd(random), random.choice(TEXTS), self._leaves[name]]) for name in names}
        if any(isinstance(value, float) and not math.isfinite(value) for value in values.values()):
            values = dict.fromkeys(values, 1)
        line = must(lambda: format_settings(values))
        back = must(lambda: parse_settings(line))
        assert back == values and list(back) == list(values), f"{values!r} came back as {back!r}"
        cut = line[: random.randrange(len(line) + 1)] + random.choice(['"', "'", "\\", " =", "a", " x=1", ""])
        for name, value in parse_settings(cut).items():
            assert name and isinstance(value, str | int | float | bool | list | dict | None)

    def _one_setting(self, random: Random) -> None:
        """The value is in the configuration, and nothing else is moved."""
        name = random.choice(list(self._leaves))
        usual = self._leaves[name]
        value = random.choice([odd(random), other_type(random, usual), usual, random.choice(NUMBERS)])
        if random.random() < 0.2:
            name = random.choice([name + ".x", name.split(".")[0], name.upper(), "", ".", "a.b", f" {name}"])
        if random.random() < 0.5:
            config = make_config("tiny", {name: value})
        else:
            line = f"{name}={value if isinstance(value, str) else json.dumps(value)}".replace("'", "")
            config = from_parameters(
                profile="tiny", dataset="market1501", configuration="all", seed=0, settings=f"'{line}'"
            )
            value = parse_settings(f"'{line}'")[name]
        found = dict(_flat(config.to_dict()))
        expected = self._leaves | ({name: value} if value is not None and name in self._leaves else {})
        if name not in self._leaves:
            assert value in (None, {}) or isinstance(value, dict), f"{name} is no setting, and was taken"
            return
        for setting, wanted in expected.items():
            _assert_same(found[setting], wanted, setting)
            number = isinstance(found[setting], int | float)
            assert not number or math.isfinite(found[setting]), f"{setting} is {found[setting]}"
        must(lambda: Config.from_dict(json.loads(json.dumps(config.to_dict()))))
        assert Config.from_dict(json.loads(json.dumps(config.to_dict()))) == config

    def _document(self, random: Random) -> None:
        """A whole configuration with a fault: every value that it has is taken, or it is refused."""
        document = PROFILES[random.choice(list(PROFILES))].to_dict()
        try:
            content = json.loads(bad_json(random, document))
        except (ValueError, RecursionError):
            return
        found = Config.from_dict(content).to_dict()
        flat = dict(_flat(found))
        for name, value in _flat(content):
            if value is not None:
                _assert_same(flat[name], value, name)

    def _sweep(self, random: Random) -> None:
        good: dict[str, list[Any]] = {
            "profile": ["tiny", "paper"],
            "datasets": ["market1501", "dukemtmc market1501", "dukemtmc"],
            "seeds": [0, "0 1 2", "7", 4294967295],
            "identities": [4, "240", 9998],
            "only": ["", "all", "baseline hat"],
            "variants": ["none", "market1501"],
            "settings": ["", "experts.rank=2", "data.batch_size=16 stages.baseline.epochs=1"],
            "data": ["somewhere", "My Drive/x"],
            "runs": ["runs/x"],
            "results": ["results"],
            "executed": ["pages"],
        }
        config: dict[str, Any] = {key: random.choice(values) for key, values in good.items() if random.random() < 0.4}
        if random.random() < 0.8:
            key = random.choice([*good, random.choice(TEXTS)])
            bad = [odd(random), random.choice(TEXTS), "0 0", "0 00", "1_000", "+1", "-1", "1.0", "9" * 400, "４"]
            bad += ["seed=7", "experts={}", "data.dataset=dukemtmc", "profile=paper", "experts.rank=x", "data=1"]
            config[key] = random.choice(bad)
        sweep = read_sweep(config)
        texts = {key: str(value) for key, value in config.items() if value is not None}
        assert sweep.profile == texts.get("profile", "tiny")
        assert list(sweep.datasets) == texts.get("datasets", " ".join(DATASETS)).split()
        assert [str(seed) for seed in sweep.seeds] == [
            re.sub("^0+(?=.)", "", seed) for seed in texts.get("seeds", "0").split()
        ]
        assert sweep.identities == float(texts.get("identities", "600"))
        assert list(sweep.only) == texts.get("only", "").split()
        for key in ("data", "runs", "results", "executed"):
            assert key not in texts or getattr(sweep, key) == Path(texts[key])
        wanted = parse_settings(texts.get("settings", ""))
        flat = dict(_flat(sweep.settings.to_dict()))
        assert all(flat[name] == value for name, value in wanted.items() if value is not None)
        for dataset in sweep.datasets:
            for name, variant in sweep.variants(dataset).items():
                line = format_settings(sweep.settings_of(dataset, name))
                run = from_parameters(
                    profile=sweep.profile,
                    dataset=dataset,
                    configuration=variant.configuration,
                    seed=sweep.seeds[0],
                    settings=line,
                )
                assert all(
                    dict(_flat(run.to_dict()))[key] == value for key, value in wanted.items() if value is not None
                )


def _flat(values: Any, prefix: str = "") -> Any:
    for name, value in values.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _assert_same(found: Any, wanted: Any, name: str) -> None:
    wanted = list(wanted) if isinstance(wanted, tuple) else wanted
    same = found == wanted and isinstance(found, bool) == isinstance(wanted, bool)
    assert same, f"{name} is {found!r}, given as {str(wanted)[:100]!r}"
