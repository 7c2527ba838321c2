"""The table of the benchmarks: computed from files of figures, refused where these are not whole. Nothing is timed."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import run_all
import table
from figures import read_figures, write_figures
from run_all import JOBS, LATER, chosen
from table import BEGIN, END, ROWS, Row, replace_table, write_table

from mosaicreid.errors import InputError

ROW = Row(
    item="15.4", what="a ratio", job="retrieval", figure="ratio", form="{:.2f}", at_most=1.25, short="memory is slow"
)


def test_figures_are_read_as_they_were_written(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "cache.json"
    write_figures(path, "/somewhere/cache.py", {"ratio": 0.0517, "images": 3})
    assert json.loads(path.read_text()) == {"script": "cache", "figures": {"ratio": 0.0517, "images": 3.0}}
    assert read_figures(path) == {"ratio": 0.0517, "images": 3.0}
    write_figures(None, "cache.py", {"ratio": 1.0})
    assert list(tmp_path.iterdir()) == [path.parent]


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_figure_that_is_no_number_is_not_written(tmp_path: Path, value: float) -> None:
    with pytest.raises(InputError, match=r"'ratio' is (nan|inf); expected a finite number"):
        write_figures(tmp_path / "cache.json", "cache.py", {"ratio": value})
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"script": "cache"}',
        '{"script": "cache", "figures": []}',
        '{"script": "cache", "figures": {"ratio": "0.05"}}',
        '{"script": "cache", "figures": {"ratio": true}}',
        '{"script": "cache", "figures": {"ratio": NaN}}',
        '{"script": "cache", "figures": {}, "more": 1}',
    ],
)
def test_a_file_that_no_benchmark_wrote_is_refused_by_its_name(tmp_path: Path, text: str) -> None:
    path = tmp_path / "cache.json"
    path.write_text(text)
    with pytest.raises(InputError, match=r"cache\.json"):
        read_figures(path)
    with pytest.raises(InputError, match=r"other\.json"):
        read_figures(tmp_path / "other.json")


@pytest.mark.parametrize(
    ("row", "value", "met"),
    [
        (ROW, 1.25, True),
        (ROW, 1.2549, True),
        (ROW, 1.26, False),
        (replace(ROW, at_most=None, at_least=0.5), 0.5, True),
        (replace(ROW, at_most=None, at_least=0.5), 0.49, False),
        (replace(ROW, at_most=None), 9.0, None),
        (replace(ROW, form="{:,.0f} s", at_most=900.0), 1234.0, False),
    ],
)
def test_an_aim_is_met_as_far_as_it_is_shown(row: Row, value: float, met: bool | None) -> None:
    assert row.met(value) is met


def test_the_table_says_what_is_measured_met_missed_and_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = (
        ROW,
        replace(ROW, what="another ratio", figure="other"),
        replace(ROW, item="15.3", what="a time", job="step", figure="seconds", form="{:.1f} s", at_most=None),
        replace(ROW, what="a long one", job="million", form="{:.0f} s", at_most=60.0),
    )
    monkeypatch.setattr(table, "ROWS", rows)
    measured = {"retrieval": {"ratio": 1.104, "other": 1.681}, "step": {"seconds": 0.25, "unused": 1.0}}
    written = write_table(measured, {"Machine": "two cores"}, {"million": "`--with million`"})
    assert written.splitlines() == [
        BEGIN,
        "Machine: two cores  ",
        "",
        "| item | figure | measured | aim | met |",
        "|---|---|---|---|---|",
        "| 15.4 | a ratio | 1.10 | at most 1.25 | yes |",
        "| 15.4 | another ratio | 1.68 | at most 1.25 | **no** |",
        "| 15.3 | a time | 0.2 s | – |  |",
        "| 15.4 | a long one | not measured: `--with million` | at most 60 s | |",
        "",
        "What falls short, why, and what would be needed:",
        "",
        "- another ratio: memory is slow.",
        END,
    ]
    with pytest.raises(InputError, match="'retrieval' gave no figure 'other'"):
        write_table({**measured, "retrieval": {"ratio": 1.0}}, {}, {"million": "later"})
    with pytest.raises(InputError, match="'million' gave no figure 'ratio'"):
        write_table(measured, {}, {})


def test_only_what_stands_between_the_marks_is_replaced() -> None:
    text = f"# Before\n{BEGIN}\nold\n{END}\nafter\n"
    assert replace_table(text, f"{BEGIN}\nnew\n{END}") == f"# Before\n{BEGIN}\nnew\n{END}\nafter\n"
    for broken in ("no marks", f"{END} {BEGIN}", f"{BEGIN} {BEGIN} {END}", f"{BEGIN} {END} {END}", BEGIN):
        with pytest.raises(InputError, match="no place for the table"):
            replace_table(broken, "new")


def test_every_row_has_a_job_and_what_may_fall_short_says_why() -> None:
    names = [job.name for job in JOBS]
    assert len(set(names)) == len(names)
    assert {row.job for row in ROWS} == set(names)
    assert len({(row.what, row.job) for row in ROWS}) == len(ROWS)
    assert all(row.short for row in ROWS if row.met(0.0) is not None)
    assert all((run_all.HERE / job.script).is_file() for job in JOBS)
    assert all(not job.option or job.option in LATER for job in JOBS)


def test_the_committed_table_has_the_rows_that_the_program_writes() -> None:
    text = (run_all.HERE / "README.md").read_text()
    lines = text.partition(BEGIN)[2].partition(END)[0].splitlines()
    shown = [line.split(" | ")[1] for line in lines if line.startswith("| ")][1:]
    assert shown == [row.what for row in ROWS]


def test_jobs_are_chosen_by_name_and_by_what_is_asked_for() -> None:
    usual, skipped = chosen([], [])
    assert not any(job.option for job in usual)
    assert skipped == {job.name: LATER[job.option] for job in JOBS if job.option}
    assert chosen([], list(LATER))[1] == {}
    jobs, skipped = chosen(["cache"], [])
    assert [job.name for job in jobs] == ["cache"]
    assert len(skipped) == len(JOBS) - 1
    with pytest.raises(InputError, match="no job 'cash'; expected one of step tiny"):
        chosen(["cash"], [])


def test_a_job_that_fails_leaves_the_table_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    readme, script = tmp_path / "README.md", tmp_path / "job.py"
    readme.write_text(f"{BEGIN}\nold\n{END}\n")
    script.write_text("import sys; sys.exit('no such image')")
    monkeypatch.setattr(run_all, "JOBS", (run_all.Job("job", str(script)),))
    monkeypatch.setattr("sys.argv", ["run_all.py", "--readme", str(readme)])
    assert run_all.main() == 2
    said = capfd.readouterr().err
    assert "no such image" in said
    assert "the job 'job' ended with status 1" in said
    assert readme.read_text() == f"{BEGIN}\nold\n{END}\n"


def test_a_run_writes_what_its_jobs_wrote(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    readme, script = tmp_path / "README.md", tmp_path / "job.py"
    readme.write_text(f"Text.\n{BEGIN}\n{END}\n")
    script.write_text(
        f"import sys; sys.path.insert(0, {str(run_all.HERE)!r})\n"
        "from pathlib import Path; from figures import write_figures\n"
        "write_figures(Path(sys.argv[sys.argv.index('--json') + 1]), __file__, {'ratio': 1.3})\n"
    )
    monkeypatch.setattr(run_all, "JOBS", (run_all.Job("retrieval", str(script)),))
    monkeypatch.setattr(table, "ROWS", (ROW,))
    monkeypatch.setattr("os.getloadavg", lambda: (2.5, 0.0, 0.0))
    monkeypatch.setattr("sys.argv", ["run_all.py", "--readme", str(readme)])
    assert run_all.main() == 0
    written = readme.read_text()
    assert "| 15.4 | a ratio | 1.30 | at most 1.25 | **no** |" in written
    assert "load average 2.50 at its start, **so the machine was not idle**" in written
    assert "- a ratio: memory is slow." in written
    assert "the load average is 2.50: the machine is not idle" in capfd.readouterr().err


def test_what_was_measured_of_this_commit_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    readme, keep = tmp_path / "README.md", tmp_path / "keep"
    readme.write_text(f"{BEGIN}\n{END}\n")
    failing = tmp_path / "job.py"
    failing.write_text("import sys; sys.exit('measured twice')")
    for commit, ratio in (("abc", 1.1), ("def", 1.2)):
        (keep / commit).mkdir(parents=True)
        content = {"script": "retrieval", "figures": {"ratio": ratio}}
        (keep / commit / "retrieval.json").write_text(json.dumps(content))
    monkeypatch.setattr(run_all, "JOBS", (run_all.Job("retrieval", str(failing)),))
    monkeypatch.setattr(run_all, "_commit", lambda: "abc")
    monkeypatch.setattr(table, "ROWS", (ROW,))
    monkeypatch.setattr("sys.argv", ["run_all.py", "--readme", str(readme), "--keep", str(keep)])
    assert run_all.main() == 0
    assert "| 1.10 |" in readme.read_text()
    monkeypatch.setattr(run_all, "_commit", lambda: "abc with changes that are not committed")
    assert run_all.main() == 2
    assert "measured twice" in capfd.readouterr().err
