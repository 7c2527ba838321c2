"""The stages measured for real at the smallest size, and counted operations beside those by hand."""

import pandas as pd
import pytest
import torch

from mosaicreid.analyses.cost import counted, report
from mosaicreid.analyses.cost.measure import measure, random_samples, with_random_weights
from mosaicreid.cli import main
from mosaicreid.config.profiles import make_config
from mosaicreid.errors import InputError

SMALL = {
    "model.architecture": "tiny",
    "model.stride": 8,
    "experts.last_k": 4,
    "experts.rank": 2,
    "data.height": 64,
    "data.width": 32,
    "data.batch_size": 8,
    "data.evaluation_batch_size": 8,
    "runtime.precision": "no",
}
ON_LINE = " ".join(f"{name}={value}" for name, value in SMALL.items())
STAGES = ["prompts", "baseline", "experts", "evaluation"]


def test_every_stage_is_measured_and_no_file_stays(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    table = measure(make_config("paper", SMALL), steps=2)
    assert table["stage"].tolist() == STAGES
    assert (table["images_per_second"] > 0).all()
    assert (table["memory_bytes"] > 2**20).all()
    assert table["device"].str.startswith("cpu, ").all()
    assert list(tmp_path.iterdir()) == []


def test_an_encoder_alone_has_no_prompts():
    config = make_config("paper", SMALL | {"model.text": "none"})
    assert measure(config, steps=2)["stage"].tolist() == STAGES[1:]
    table, hours = report.estimates(config, {"market1501": report.work_of("market1501", seeds=1)})
    whole = counted.operations(with_random_weights(make_config("paper", SMALL)))
    pd.testing.assert_frame_equal(table, whole.iloc[1:].reset_index(drop=True), rtol=0.02)
    assert hours["hours"].notna().all()


def test_random_samples_fill_whole_batches():
    samples = random_samples(make_config("paper", SMALL), identities=6)
    assert len(samples) == 6 * 4
    assert samples.num_identities == 6
    assert samples.pixels.shape == (24, 3, 64, 32)


@pytest.mark.parametrize("steps", [1, 0, -3, 10_001])
def test_a_number_of_steps_that_measures_nothing_is_refused(steps):
    with pytest.raises(InputError, match=f"got {steps} steps; expected 2 to 10000"):
        measure(make_config("paper", SMALL), steps=steps)


def test_operations_of_the_encoder_are_those_by_hand():
    table = counted.operations(make_config("paper", SMALL | {"model.weights": "pretrain"})).set_index("stage")["flop"]
    tokens, width, blocks = 33, 96, 4
    # Four matrices of attention and two of the feed-forward of four widths, the last block's for the CLS token alone;
    # two matrix products of attention.
    matrices = blocks * 4 * width**2 * tokens + 8 * width**2 * ((blocks - 1) * tokens + 1)
    products = blocks * 2 * tokens**2 * width
    patches, projection = 32 * (3 * 8 * 8) * width, width * 64
    assert table["evaluation"] == pytest.approx(2 * (matrices + products + patches + projection), rel=0.01)
    # The gradient costs twice a forward; a frozen encoder spares that of its weights.
    assert 2.5 < table["baseline"] / table["evaluation"] < 3.2
    assert 1.5 < table["experts"] / table["evaluation"] < 2.5


def test_what_does_not_fit_is_said_and_the_rest_is_measured(monkeypatch):
    real = report.measure

    def small_memory(config, *, steps):
        if config.data.batch_size > 8:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return real(config, steps=steps)

    monkeypatch.setattr(report, "measure", small_memory)
    config = make_config("paper", SMALL)
    table = report.measured(config, batch_sizes=[16, 8], precisions=["no"], compiled=[False], steps=2)
    assert table[table["batch_size"] == 16]["fits"].tolist() == [0]
    assert report.best(table)["batch_size"].unique().tolist() == [8]
    with pytest.raises(InputError, match="nothing of what was tried fits"):
        report.best(table[table["batch_size"] == 16])


def test_the_command_says_hours_and_disk(capsys):
    assert main(["cost", "--datasets", "market1501", "--steps", "2", "--seeds", "2", "--set", ON_LINE]) == 0
    said = capsys.readouterr().out
    assert "fastest that fits: precision no, batch size 8" in said
    assert [line.split()[1] for line in said.splitlines() if line.startswith("market1501")] == [
        *("shared", "a", "controls", "decoded", "shared", "runs"),
    ]


def test_what_is_measured_with_and_without_compilation_is_written(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(torch, "compile", lambda function, **options: asked.append(function) or function)
    words = ["--datasets", "market1501", "--steps", "2", "--compile", "no", "yes", "--results", str(tmp_path)]
    assert main(["cost", *words, "--set", ON_LINE]) == 0
    # The stages `baseline` and `experts`, once.
    assert len(asked) == 2
    table = pd.read_csv(tmp_path / "cost_measured.csv")
    assert list(table.groupby("compiled", sort=False)["stage"].agg(list)) == [STAGES, STAGES]
    assert table.columns.tolist()[:5] == ["precision", "batch_size", "compiled", "stage", "fits"]
    hours = pd.read_csv(tmp_path / "cost_measured_hours.csv")
    fastest = table[table["stage"] == "experts"].sort_values("images_per_second").iloc[-1]
    speed = table[table["compiled"] == fastest["compiled"]].set_index("stage")["images_per_second"]
    test = 3368 + 19732
    a_run = hours.set_index("part").loc["a run", "hours_each"]
    assert a_run == pytest.approx((120 * 12936 / speed["experts"] + test / speed["evaluation"]) / 3600, rel=1e-6)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--datasets", "nobody"], "unknown dataset 'nobody'"),
        (["--count", "--steps", "3", "--compile", "no"], "--count measures nothing and has no use for --steps, "),
        (["--seeds", "0"], "got 0 seeds; expected 1 to 1000"),
        (["--root", "somewhere"], "--root is one dataset's folder, and there are 2"),
        (["--datasets", "market1501", "--precisions", "half", "--steps", "2"], "precision"),
        (["--datasets", "market1501", "--batch-sizes", "7", "--steps", "2"], "batch_size 7"),
    ],
)
def test_bad_words_are_one_line(capsys, monkeypatch, tmp_path, words, message):
    monkeypatch.chdir(tmp_path)
    assert main(["cost", *words, "--set", ON_LINE]) == 2
    said = capsys.readouterr().err.splitlines()[-1]
    assert said.startswith("mosaicreid: error: ")
    assert message in said
    assert list(tmp_path.iterdir()) == []
