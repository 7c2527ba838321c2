"""How far a sweep is: a line whenever a run has ended, from the events that Snakemake logs."""

import logging
import sys
import time

_RULE = "run"


class SweepProgress(logging.Handler):
    """For Snakemake's logger: prints runs done, running, failed and to come, and the time left, to standard error.

    It reads the events that Snakemake documents for its logger plugins. The time is that of this call's runs so far,
    at the same pace.
    """

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self._total = 0
        self._done = self._failed = 0
        self._running: set[int] = set()
        self._began: float | None = None

    def emit(self, record: logging.LogRecord) -> None:
        """Count a run that starts or ends, and say so when it ends."""
        event = str(getattr(record, "event", ""))
        if event == "run_info":
            self._total = record.__dict__["stats"].get(_RULE, 0)
        elif event == "job_info" and record.__dict__["rule_name"] == _RULE:
            self._began = self._began or time.monotonic()
            self._running.add(record.__dict__["jobid"])
        elif event == "job_finished" and record.__dict__["job_id"] in self._running:
            self._running.remove(record.__dict__["job_id"])
            self._done += 1
            self._say()
        elif event == "job_error" and record.__dict__["jobid"] in self._running:
            self._running.remove(record.__dict__["jobid"])
            self._failed += 1
            self._say()

    def _say(self) -> None:
        waiting = self._total - self._done - self._failed - len(self._running)
        left = ""
        if self._done and waiting + len(self._running):
            assert self._began is not None
            seconds = (time.monotonic() - self._began) / (self._done + self._failed) * (waiting + len(self._running))
            left = f"; about {_duration(seconds)} left"
        counts = f"{self._done} of {self._total} done, {len(self._running)} running, {waiting} to come"
        print(f"runs: {counts}, {self._failed} failed{left}", file=sys.stderr, flush=True)


def _duration(seconds: float) -> str:
    minutes = max(1, round(seconds / 60))
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
