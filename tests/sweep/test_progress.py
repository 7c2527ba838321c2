"""What a sweep says when a run has ended, from events as Snakemake logs them."""

import logging

import pytest

from mosaicreid.sweep import progress
from mosaicreid.sweep.progress import SweepProgress


def test_a_line_when_a_run_has_ended(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    logger = logging.Logger("snakemake")
    logger.addHandler(SweepProgress())

    def said(seconds: float, **event: object) -> str:
        now[0] += seconds
        logger.info("what Snakemake says itself", extra=event)
        return capsys.readouterr().err

    assert said(0, event="run_info", stats={"shared": 1, "run": 5, "total": 6}) == ""
    assert said(0, event="job_info", rule_name="shared", jobid=9) == ""
    assert said(500, event="job_finished", job_id=9) == ""
    assert said(0, event="job_info", rule_name="run", jobid=1) == ""
    assert said(0, event="job_info", rule_name="run", jobid=2) == ""
    # One of five in two minutes, four to go at this pace.
    line = said(120, event="job_finished", job_id=2)
    assert line == "runs: 1 of 5 done, 1 running, 3 to come, 0 failed; about 8 min left\n"
    assert said(0, event="job_info", rule_name="run", jobid=3) == ""
    line = said(60, event="job_error", rule_name="run", jobid=1)
    assert line == "runs: 1 of 5 done, 1 running, 2 to come, 1 failed; about 4 min left\n"
    # The failed run is tried again, as on a cluster with retries.
    assert said(0, event="job_info", rule_name="run", jobid=1) == ""
    line = said(0, event="job_finished", job_id=1)
    assert line.startswith("runs: 2 of 5 done, 1 running, 2 to come, 0 failed; about ")
    said(0, event="job_info", rule_name="run", jobid=4)
    said(3 * 3600, event="job_finished", job_id=3)
    assert "about 1 h 30 min left" in said(3 * 3600 - 180, event="job_info", rule_name="run", jobid=5) + said(
        0, event="job_finished", job_id=4
    )
    assert said(0, event="job_finished", job_id=5) == "runs: 5 of 5 done, 0 running, 0 to come, 0 failed\n"


def test_other_messages_pass(capsys: pytest.CaptureFixture[str]) -> None:
    logger = logging.Logger("snakemake")
    logger.addHandler(SweepProgress())
    logger.info("Building DAG of jobs...")
    logger.info(None, extra={"event": None})
    assert capsys.readouterr().err == ""
