"""How far a sweep is: a line whenever a run has ended, from the events that Snakemake logs."""

import logging
import sys
import time

_RULE = "run"


class SweepProgress(logging.Handler):
    """For Snakemake's logger: prints runs done, running, failed and to come, and the time left, to standard error.

    It reads the events that Snakemake documents for its logger plugins. The time left supposes that runs go on to end
    as often as they did in this call.
    """

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self._total = 0
        self._running: set[int] = set()
        self._done: set[int] = set()
        self._failed: set[int] = set()
        self._began: float | None = None

    def emit(self, record: logging.LogRecord) -> None:
        """Count a run that starts or ends, and say so when it ends."""
        fields = record.__dict__
        event = str(fields.get("event"))
        if event == "run_info":
            self._total = fields["stats"].get(_RULE, 0)
        elif event == "job_info" and fields["rule_name"] == _RULE:
            self._began = self._began or time.monotonic()
            self._running.add(fields["jobid"])
            # A retry takes back that the run has failed.
            self._failed.discard(fields["jobid"])
        elif event == "job_finished" and fields["job_id"] in self._running:
            self._end(fields["job_id"], self._done)
        elif event == "job_error" and fields["jobid"] in self._running:
            self._end(fields["jobid"], self._failed)

    def _end(self, job: int, ended: set[int]) -> None:
        assert self._began is not None
        self._running.remove(job)
        ended.add(job)
        gone = len(self._done) + len(self._failed)
        remaining = self._total - gone
        counts = f"{len(self._done)} of {self._total} done, {len(self._running)} running"
        waiting = f"{remaining - len(self._running)} to come, {len(self._failed)} failed"
        pace = (time.monotonic() - self._began) / gone
        left = f"; about {_duration(pace * remaining)} left" if remaining else ""
        print(f"runs: {counts}, {waiting}{left}", file=sys.stderr, flush=True)


def _duration(seconds: float) -> str:
    minutes = max(1, round(seconds / 60))
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
