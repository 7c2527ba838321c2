"""The sweep through Snakemake and papermill: into a page of a book, continued after a loss, planned without data."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from papermill.cli import papermill

from mosaicreid.analyses.experiment.collect import collect_runs
from mosaicreid.cli import build_parser
from mosaicreid.config.profiles import make_config
from mosaicreid.names.shown import title_of
from mosaicreid.results import write_results
from mosaicreid.sweep.variants import ablations, capacity, last_k_variants, table3

ROOT = Path(__file__).parents[2]
# Everything that Snakemake and a book build read.
PARTS = ["workflow", "config", "profiles", "mosaicreid", "notebooks", "_config.yml"]
SETTINGS = (
    "data.height=32 data.width=16 data.batch_size=8 data.num_instances=2 stages.pretrain.epochs=1"
    " stages.prompts.epochs=1 stages.prompts.warmup_epochs=0 stages.baseline.epochs=1 stages.baseline.warmup_epochs=0"
    " stages.baseline.milestones=[] stages.experts.epochs=1 stages.experts.milestones=[]"
)
PAGE = """# Sweep

```{result-table} experiment_runs.csv
:columns: configuration, seed, mAP
:caption: Two runs.
```
"""


def run(folder: Path, command: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(folder), "OMP_NUM_THREADS": "1", "NO_COLOR": "1"}
    program = str(Path(sys.executable).parent / command)
    return subprocess.run(
        [program, *arguments], cwd=folder, capture_output=True, text=True, env=environment, check=False
    )


def snakemake(folder: Path, *arguments: str, **config: object) -> str:
    """What Snakemake said; ``config`` are its --config keys."""
    given = ["--config", *(f"{name}={value}" for name, value in config.items())] if config else []
    done = run(folder, "snakemake", *arguments, *given)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout + done.stderr


def planned(said: str) -> dict[str, int]:
    """How many jobs of each rule a dry run lists."""
    table = said.split("Job stats:")[1].split("\n\n")[0]
    counts = {rule: int(count) for rule, count in re.findall(r"^(\w+) +(\d+)$", table, re.MULTILINE)}
    return {rule: count for rule, count in counts.items() if rule not in ("everything", "total")}


def copy(destination: Path) -> Path:
    for part in PARTS:
        source = ROOT / part
        if source.is_dir():
            shutil.copytree(source, destination / part, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(source, destination / part)
    return destination


SMALL = {"datasets": "market1501", "seeds": 0, "identities": 24, "only": "hat baseline", "settings": SETTINGS}


@dataclass(frozen=True)
class Sweep:
    """A copy of the project in which two configurations have been run, one of which failed the first time."""

    folder: Path
    failing: subprocess.CompletedProcess[str]
    finished: dict[str, int]
    completing: str


@pytest.fixture(scope="module")
def sweep(tmp_path_factory: pytest.TempPathFactory) -> Sweep:
    folder = copy(tmp_path_factory.mktemp("sweep"))
    checkpoint = folder / "runs" / "tiny" / "market1501" / "hat" / "seed0" / "experts.pt"
    checkpoint.parent.mkdir(parents=True)
    checkpoint.write_text("no checkpoint")
    # From tomorrow, or it would be taken for one of an earlier state of the data, and forgotten.
    tomorrow = time.time() + 86400
    os.utime(checkpoint, (tomorrow, tomorrow))
    failing = run(folder, "snakemake", "--cores", "2", "--config", *(f"{key}={value}" for key, value in SMALL.items()))
    finished = {name: path.stat().st_mtime_ns for name, path in metrics(folder).items()}
    checkpoint.unlink()
    return Sweep(folder, failing, finished, snakemake(folder, "--cores", "2", **SMALL))


@pytest.fixture(scope="module")
def swept(sweep: Sweep) -> Path:
    return sweep.folder


def metrics(folder: Path) -> dict[str, Path]:
    return {path.parts[-3]: path for path in (folder / "runs" / "tiny" / "market1501").glob("*/seed0/metrics.json")}


def test_a_failed_run_is_named_in_a_line_and_the_other_goes_on(sweep: Sweep) -> None:
    assert sweep.failing.returncode != 0
    named = r"^failed: market1501 hat seed0, log runs/tiny/logs/market1501.hat.seed0.log: InputError: .*experts.pt"
    assert re.search(named, sweep.failing.stdout + sweep.failing.stderr, re.MULTILINE)
    assert list(sweep.finished) == ["baseline"]


def test_what_was_finished_is_left_alone_and_the_rest_completed(sweep: Sweep) -> None:
    assert "2 of 2 steps (100%) done" in sweep.completing
    assert metrics(sweep.folder).keys() == {"baseline", "hat"}
    assert metrics(sweep.folder)["baseline"].stat().st_mtime_ns == sweep.finished["baseline"]
    assert not list((sweep.folder / "runs" / "tiny" / "failed").iterdir())


def test_two_configurations_reach_a_built_book(swept: Path) -> None:
    runs, skipped = collect_runs(swept / "runs" / "tiny", ["market1501"])
    assert sorted(runs["configuration"]) == ["baseline", "hat"]
    assert skipped == {}
    write_results(runs, swept / "results" / "experiment_runs.csv")
    shutil.copytree(ROOT / "book" / "_ext", swept / "book" / "_ext", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "book" / "_assets", swept / "book" / "_assets")
    notebook = "runs/tiny/market1501/hat/seed0/notebook.ipynb"
    assert run(swept, "mosaicreid", "executed", notebook, "book/executed/hat.ipynb", "--title", "Hats").returncode == 0
    (swept / "book" / "index.md").write_text(PAGE)
    (swept / "book" / "references.bib").touch()
    (swept / "book" / "_toc.yml").write_text("format: jb-book\nroot: index\nchapters:\n  - file: executed/hat\n")
    done = run(swept, "jupyter-book", "build", "book/", "-W", "-n", "--keep-going")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    html = swept / "_build" / "html"
    index, page = (html / "index.html").read_text(), (html / "executed" / "hat.html").read_text()
    for row in runs.itertuples():
        assert f"{title_of('configuration', row.configuration, dataset='market1501')}</p>" in index
    assert "Hats" in page
    score = json.loads(metrics(swept)["hat"].read_text())["scores"]["mAP"]
    assert f"<td>{round(100 * score, 1)}</td>" in page
    images = re.findall(r"<img[^>]*>", page)
    assert len(images) >= 5
    assert all(re.search(r'alt="[^"]{20,}"', image) for image in images if "_images/" in image)


def test_nothing_is_left_to_do(swept: Path) -> None:
    assert "Nothing to be done" in snakemake(swept, "-n", **SMALL)


def test_where_images_are_decoded_changes_no_result_and_is_for_the_job_to_say(swept: Path, tmp_path: Path) -> None:
    given = {"cache": "$TMPDIR/images"}
    assert "Nothing to be done" in snakemake(swept, "-n", **SMALL, **given)
    commands = snakemake(copy(tmp_path), "-n", "-p", **given)
    assert commands.count("--cache '$TMPDIR/images'") == 4
    runs = len(re.findall(r"papermill notebooks/train.ipynb", commands))
    assert runs > 45
    assert commands.count("-r cache '$TMPDIR/images'") == runs


@pytest.mark.parametrize(
    ("change", "rules"),
    [
        ("stages.experts.epochs=2", {"run": 2}),
        ("stages.baseline.epochs=2", {"shared": 1, "run": 2}),
        ("data.erasing=0.3", {"shared": 1, "run": 2}),
    ],
)
def test_a_changed_parameter_reruns_what_depends_on_it(swept: Path, change: str, rules: dict[str, int]) -> None:
    name = change.partition("=")[0]
    kept = " ".join(word for word in SETTINGS.split() if not word.startswith(name))
    assert planned(snakemake(swept, "-n", **SMALL | {"settings": f"{kept} {change}"})) == rules


def test_a_comment_reruns_nothing_and_code_does(swept: Path) -> None:
    code, notebook = swept / "mosaicreid" / "losses.py", swept / "notebooks" / "train.ipynb"
    before = code.read_text(), notebook.read_text()
    try:
        code.write_text(before[0] + "\n# A comment.\n")
        notebook.write_text(before[1].replace("# Train and evaluate", "# Evaluate and train"))
        assert "Nothing to be done" in snakemake(swept, "-n", **SMALL)
        code.write_text(before[0] + "\nanswer = 42\n")
        rules = {"training_code": 1, "shared": 1, "run": 2}
        assert planned(snakemake(swept, "-n", **SMALL)) == rules
    finally:
        code.write_text(before[0])
        notebook.write_text(before[1])


def test_the_paper_profile_is_planned_without_data(tmp_path: Path) -> None:
    folder = copy(tmp_path)
    said = snakemake(folder, "-n", profile="paper", data="nowhere")
    usual = make_config("paper")
    variants = {variant.name for variant in (*last_k_variants(usual.experts.last_k), *ablations(usual))} - {"all"}
    controls = capacity(usual)
    assert [control.name for control in controls] == [
        "all@routing=always",
        "all@routing=random",
        "baseline@longer=True",
    ]
    runs = len(table3("market1501")) + len(table3("dukemtmc")) + len(variants) + 2 * len(controls)
    assert len(table3("market1501")) + len(table3("dukemtmc")) == 45
    assert planned(said)["run"] == runs
    assert planned(said)["check_data"] == 2
    assert {name: planned(said)[name] for name in ("oracle", "analyse", "judge")} == {
        "oracle": 2,
        "analyse": 1,
        "judge": 1,
    }
    for dataset in ("market1501", "dukemtmc"):
        listed = set(re.findall(rf"{dataset}: (\S+), seed 0", said))
        assert set(table3(dataset)) <= listed
    assert not (folder / "nowhere").exists()


def test_every_planned_command_is_whole(tmp_path: Path) -> None:
    """What the programs themselves accept, in the sweep as it is by default, where no setting is changed."""
    said = snakemake(copy(tmp_path), "-n", "-p")
    commands = [line.partition(": ")[2] for line in said.splitlines() if line.startswith("Shell command: ")]
    asked = 0
    for command in commands:
        for part in re.split(r"&&|\|\||;", command):
            words = shlex.split(re.split(" >+ ", part)[0]) if re.match(r"\s*(mosaicreid|papermill) ", part) else []
            if "papermill" in words:
                papermill.make_context("papermill", words[words.index("papermill") + 1 :])
            elif words:
                build_parser().parse_args(words[1:])
            asked += bool(words)
    assert asked > len(table3("market1501")) + len(table3("dukemtmc"))


@dataclass(frozen=True)
class Cluster:
    """A copy of the project beside stand-ins for Slurm's commands, which note how they are called."""

    folder: Path

    def submit(self, *arguments: str, **config: object) -> subprocess.CompletedProcess[str]:
        given = {"profile": "paper", "datasets": "market1501", "only": "hat", **config}
        hurry = ["--latency-wait", "0", "--slurm-init-seconds-before-status-checks", "1"]
        words = [*hurry, *arguments, "--config", *(f"{name}={value}" for name, value in given.items())]
        return run(self.folder, "snakemake", "--workflow-profile", "profiles/slurm", *words)

    def calls(self, name: str) -> list[str]:
        path = self.folder / f"{name}.txt"
        return path.read_text().splitlines() if path.exists() else []

    def stand_in(self, name: str, script: str) -> None:
        path = self.folder / "bin" / name
        path.write_text(f'#!/bin/sh\necho "$*" >> {self.folder}/{name}.txt\n{script}\n')
        path.chmod(0o755)


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cluster:
    """The profile is filled in, the data look checked, and submitting fails."""
    cluster = Cluster(copy(tmp_path))
    (tmp_path / "bin").mkdir()
    for name in ("scontrol", "sacct", "sacctmgr", "sshare", "squeue", "sinfo", "scancel"):
        cluster.stand_in(name, "exit 0")
    cluster.stand_in("sbatch", 'test "$1" = --test-only')
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    profile = tmp_path / "profiles" / "slurm" / "config.yaml"
    filled = (
        profile.read_text().replace("partition: FILL_IN", "partition: gpu").replace("account: FILL_IN", "account: lab")
    )
    profile.write_text(filled)
    checked = tmp_path / "runs" / "paper" / "market1501" / "_shared" / "data.txt"
    checked.parent.mkdir(parents=True)
    checked.write_text("as if the data were there")
    return cluster


def test_on_a_cluster_a_training_job_asks_for_a_gpu(cluster: Cluster) -> None:
    done = cluster.submit()
    assert done.returncode != 0
    tried = [line for line in cluster.calls("sbatch") if line.startswith("--test-only")]
    asked = "--partition=gpu --account=lab --time=540 --mem=16000 --gpus=1 --cpus-per-task=4 --signal=TERM@120"
    assert tried == [f"--test-only {asked} --wrap=true"]
    submitted = [line for line in cluster.calls("sbatch") if not line.startswith("--test-only")]
    # Tried again, each time with more memory.
    assert [re.search(r"--mem (\d+)", line)[1] for line in submitted] == ["16000", "32000", "48000", "64000"]
    for line in submitted:
        assert re.search(r"--job-name mosaicreid-paper-[0-9a-f]{8}-[0-9a-f-]{36} ", line)
        assert "--comment rule_shared_wildcards_market1501_0" in line
        assert re.search(r"-A lab +-p gpu -t 540 --mem \d+ --requeue --cpus-per-task=4 --signal=TERM@120", line)
        assert "--gpus=1" in line
        assert "--target-jobs 'shared:dataset=market1501,seed=0'" in line


def test_a_cluster_s_profile_is_refused_at_once_while_unfilled(cluster: Cluster) -> None:
    shutil.copy2(ROOT / "profiles" / "slurm" / "config.yaml", cluster.folder / "profiles" / "slurm" / "config.yaml")
    for arguments in ((), ("-n",)):
        done = cluster.submit(*arguments)
        assert done.returncode == 1
        said = [line for line in done.stderr.splitlines() if not line.startswith(("Using work", "Config file"))]
        assert len(said) == 1
        assert said[0].startswith("snakemake: error: slurm_partition and slurm_account in profiles/slurm/config.yaml")
    assert cluster.calls("sbatch") == []


def test_a_sweep_whose_jobs_are_in_the_queue_is_not_submitted_again(cluster: Cluster) -> None:
    cluster.submit()
    (name,) = {re.search(r"--job-name (\S+)", line)[1] for line in cluster.calls("sbatch") if "--job-name" in line}
    (cluster.folder / "sbatch.txt").unlink()
    cluster.stand_in("squeue", f"echo '12|RUNNING|{name}'")
    done = cluster.submit()
    assert done.returncode == 1
    assert cluster.calls("sbatch") == []
    (said,) = [line for line in done.stderr.splitlines() if line.startswith("snakemake: error: ")]
    assert said.endswith("the same command goes on: scancel 12")
    # Planning asks nobody.
    assert cluster.submit("-n").returncode == 0
    # Another folder of runs is another sweep.
    checked = cluster.folder / "runs" / "other" / "market1501" / "_shared" / "data.txt"
    checked.parent.mkdir(parents=True)
    checked.write_text("as if")
    cluster.submit(runs="runs/other")
    assert cluster.calls("sbatch")


def test_what_the_partition_does_not_have_is_said_before_anything_is_submitted(cluster: Cluster) -> None:
    cluster.stand_in("sbatch", "echo 'allocation failure: Requested time limit is invalid' >&2; exit 1")
    done = cluster.submit()
    assert done.returncode == 1
    (said,) = [line for line in done.stderr.splitlines() if line.startswith("snakemake: error: ")]
    assert said.startswith(
        "snakemake: error: Slurm refuses jobs of the rule 'run': Requested time limit is invalid; asked"
    )
    assert all(line.startswith("--test-only") for line in cluster.calls("sbatch"))


def test_make_paper_goes_to_a_cluster() -> None:
    said = subprocess.run(
        ["make", "-n", "-o", ".venv/.installed", "paper", "DATA=DIR", "SLURM=profiles/slurm"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    (command,) = (line for line in said.replace("\\\n", " ").splitlines() if "profile=paper" in line)
    words = shlex.split(command)
    assert words[words.index("--workflow-profile") + 1] == "profiles/slurm"
    assert "--cores" not in words
    assert "--resources" not in words


def test_a_finished_run_of_other_settings_is_not_what_was_asked_for(swept: Path) -> None:
    """Whatever Snakemake has recorded: of what a job leaves that outlives it, it records nothing."""
    runs = swept / "runs" / "tiny" / "market1501"
    for path, other, rules in (
        (runs / "hat" / "seed0" / "config.json", lambda text: text.replace('"rank": 4', '"rank": 3'), {"run": 1}),
        (runs / "_shared" / "seed0" / "ready.txt", lambda text: f"{text}other settings\n", {"shared": 1, "run": 2}),
    ):
        before = path.read_text()
        assert other(before) != before
        path.write_text(other(before))
        try:
            assert planned(snakemake(swept, "-n", **SMALL)) == rules
        finally:
            path.write_text(before)
    assert "Nothing to be done" in snakemake(swept, "-n", **SMALL)


def test_a_bad_configuration_is_named_in_one_line(tmp_path: Path) -> None:
    done = run(copy(tmp_path), "snakemake", "-n", "--config", "onyl=hat")
    assert done.returncode == 1
    said = [line for line in done.stderr.splitlines() if not line.startswith("Using workflow specific profile")]
    assert len(said) == 1
    assert said[0].startswith("snakemake: error: unknown key of --config 'onyl'; expected one of: profile, datasets")


def test_missing_images_are_named_in_one_line_with_the_log(tmp_path: Path) -> None:
    given = ["profile=paper", "data=nowhere", "datasets=market1501", "only=hat"]
    done = run(copy(tmp_path), "snakemake", "--cores", "1", "--config", *given)
    assert done.returncode != 0
    named = "failed: market1501 data, log runs/paper/logs/market1501.data.log: mosaicreid: error: no folder nowhere"
    # When it happens, and again when the sweep ends.
    assert done.stdout.count(named) == 1
    assert done.stderr.count(named) == 1


@pytest.mark.parametrize(
    ("ending", "log", "reason"),
    [
        ("exit 2", "epoch 3\n\nInputError: no such file\n\n", "InputError: no such file"),
        ("exit 1", "mosaicreid: error: a 'quoted' $name\n", "mosaicreid: error: a 'quoted' $name"),
        # A kernel that is killed, as papermill tells it; and a command that is killed itself, which tells nothing.
        (
            "exit 138",
            "    raise\nnbclient.exceptions.DeadKernelError: Kernel died\n",
            "killed while it ran, likely for want",
        ),
        ("kill -9 $BASHPID", "stage baseline: epochs 1 to 20\n", "killed while it ran, likely for want of memory"),
        ("kill -15 $BASHPID", "stage baseline: epochs 1 to 20\n", "ended by signal 15; the same command goes on"),
        # Slurm tells all processes of a job; the shell waits for the end of its command.
        ("kill $PPID; sleep 0.5; exit 1", "EndedBySignal: ended by SIGTERM\n", "told to end (time limit, by hand, or"),
        ("kill $PPID; kill $BASHPID", "stage baseline\n", "told to end (time limit, by hand, or for another job); the"),
        ("exit 129", "mosaicreid: ended by SIGHUP\n", "ended by signal 1; the same command goes on"),
        ("exit 130", "mosaicreid: interrupted\n", "ended by signal 2; the same command goes on"),
        ("exit 1", None, ""),
    ],
)
def test_how_a_job_ended_is_said_in_one_line(tmp_path: Path, ending: str, log: str | None, reason: str) -> None:
    """The end of every rule's command, as Snakemake's shell runs it."""
    if log is not None:
        (tmp_path / "the runs").mkdir()
        (tmp_path / "the runs" / "a.hat.log").write_text(log)
    # A process of its own, whose parent is the job's shell.
    done = in_shell(tmp_path, f"bash -c '{ending}'".replace("$BASHPID", "$$"))
    assert done.returncode == 1
    (said,) = done.stdout.splitlines()
    assert said.startswith(f"failed: a hat, log the runs/a.hat.log: {reason}")
    assert (tmp_path / "the runs" / "failed" / "a.hat.txt").read_text() == done.stdout


def in_shell(folder: Path, command: str) -> subprocess.CompletedProcess[str]:
    """A job's ``command`` as every rule has it, in the shell that Snakemake runs it in."""
    source = (ROOT / "workflow" / "rules" / "common.smk").read_text()
    defined: dict[str, Callable[[str], str]] = {}
    exec(source[source.index("KILLED =") : source.index("def data_folder")], defined)
    whole = defined["reported"](command).replace("{RUNS:q}", "'the runs'").replace("{log:q}", "'the runs/a.hat.log'")
    words = ["bash", "-euo", "pipefail", "-c", whole.replace("{{", "{").replace("}}", "}")]
    return subprocess.run(words, cwd=folder, capture_output=True, text=True)


def test_a_job_that_is_killed_has_a_report_and_one_that_works_takes_it_back(tmp_path: Path) -> None:
    report = tmp_path / "the runs" / "failed" / "a.hat.txt"
    assert in_shell(tmp_path, "kill -9 $$").returncode == -9
    assert report.read_text().startswith(
        "failed: a hat, log the runs/a.hat.log: killed while it ran (time limit, memory"
    )
    assert in_shell(tmp_path, f"test -e {shlex.quote(str(report))}").returncode == 0
    assert not report.exists()


@pytest.mark.parametrize(
    "config",
    [
        {"settings": "model.weights=x'||touch$IFS./PWNED||'y"},
        {"settings": "'model.weights=$(touch PWNED)'"},
        {"settings": "model.weights=x", "data": "$(touch PWNED)"},
        {"data": "a'; touch PWNED; '"},
        {"runs": "runs; touch PWNED"},
        {"runs": "`touch PWNED`"},
    ],
    ids=lambda config: next(iter(config)),
)
def test_no_value_runs_as_a_command(tmp_path: Path, config: dict[str, str]) -> None:
    folder = copy(tmp_path)
    given = {"datasets": "market1501", "only": "baseline", "identities": 4, **config}
    done = run(folder, "snakemake", "--cores", "1", "--config", *(f"{name}={value}" for name, value in given.items()))
    assert done.returncode != 0
    assert not list(folder.rglob("PWNED"))


def test_a_users_images_are_kept_where_profile_paper_was_forgotten(tmp_path: Path) -> None:
    folder = copy(tmp_path)
    image = folder / "images" / "market1501" / "bounding_box_train" / "0002_c1s1_000451_03.jpg"
    image.parent.mkdir(parents=True)
    image.write_bytes(b"the only copy")
    done = run(folder, "snakemake", "--cores", "1", "--config", "data=images", "datasets=market1501", "only=baseline")
    assert done.returncode != 0
    assert image.read_bytes() == b"the only copy"
    assert [path.name for path in (folder / "images").iterdir()] == ["market1501"]
    assert "images/market1501 has no synthetic.json that proves it synthetic" in done.stdout


def test_other_data_run_again(tmp_path: Path) -> None:
    """Another folder, and a replaced annotation; planned on runs that look finished."""
    folder = copy(tmp_path)
    for name in ("one", "two"):
        (folder / name / "market1501").mkdir(parents=True)
        (folder / name / "market1501" / "market_attribute.mat").write_text("as if")
    given = {"profile": "paper", "datasets": "market1501", "only": "baseline"}
    snakemake(folder, "--touch", "--force", "--cores", "1", **given, data="one")
    for output in (
        "training_code.txt",
        "market1501/_shared/data.txt",
        "market1501/_shared/seed0/ready.txt",
        "market1501/baseline/seed0/metrics.json",
        "market1501/baseline/seed0/per_query.parquet",
        "market1501/baseline/seed0/notebook.ipynb",
    ):
        path = folder / "runs" / "paper" / output
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("as if")
    runs = folder / "runs" / "paper" / "market1501"
    settings = make_config("paper", {"data.dataset": "market1501", "experts.configuration": "baseline"}).to_dict()
    described = {"config": settings, "environment": {}}
    (runs / "baseline" / "seed0" / "config.json").write_text(json.dumps(described))
    command = snakemake(folder, "-n", "-p", **given, data="one")
    (runs / "_shared" / "seed0" / "ready.txt").write_text(re.search(r"&& echo ([0-9a-f]{16}); }", command)[1] + "\n")
    snakemake(folder, "--touch", "--cores", "1", **given, data="one")
    assert "Nothing to be done" in snakemake(folder, "-n", **given, data="one")
    everything = {"check_data": 1, "shared": 1, "run": 1}
    assert planned(snakemake(folder, "-n", **given, data="two")) == everything
    (folder / "one" / "market1501" / "market_attribute.mat").write_text("other labels")
    assert planned(snakemake(folder, "-n", **given, data="one")) == everything
