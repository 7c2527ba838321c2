"""Headless Chromium, driven through its DevTools protocol over two pipes: no package, no port, no network."""

import base64
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from select import select
from time import monotonic
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")


def find() -> str | None:
    """The first Chromium on the path, or None."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


class BrowserError(RuntimeError):
    """Chromium refused a command, or did not answer."""


class Tab:
    """One tab: ``send`` a command of the protocol, ``open`` a page, ``evaluate`` JavaScript; ``events`` so far."""

    def __init__(self, to: int, back: int) -> None:
        self._to, self._back = to, back
        self._buffer = b""
        self._count = 0
        self._session: str | None = None
        self.events: list[dict[str, Any]] = []
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.send(f"{domain}.enable")

    def _next(self, until: float) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            if not select([self._back], [], [], max(0.0, until - monotonic()))[0]:
                raise BrowserError("Chromium did not answer in time")
            chunk = os.read(self._back, 1 << 20)
            if not chunk:
                raise BrowserError("Chromium ended")
            self._buffer += chunk
        message, _, self._buffer = self._buffer.partition(b"\0")
        return json.loads(message)

    def send(self, method: str, **params: object) -> dict[str, Any]:
        self._count += 1
        message = {"id": self._count, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._to, json.dumps(message).encode() + b"\0")
        until = monotonic() + 60
        while (answer := self._next(until)).get("id") != self._count:
            self.events.append(answer)
        if "error" in answer:
            raise BrowserError(f"{method}: {answer['error'].get('message')}")
        return answer["result"]

    def wait_for(self, event: str, seconds: float = 60) -> None:
        until = monotonic() + seconds
        while not any(seen.get("method") == event for seen in self.events):
            self.events.append(self._next(until))

    def size(self, width: int, height: int = 900) -> None:
        self.send(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600
        )

    def media(self, media: str = "screen", scheme: str = "light") -> None:
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.send("Emulation.setEmulatedMedia", media=media, features=features)

    def open(self, url: str) -> list[dict[str, Any]]:
        """Load ``url``; the events until it was loaded and had been idle for a moment."""
        self.events = []
        self.send("Page.navigate", url=url)
        self.wait_for("Page.loadEventFired")
        self.evaluate("new Promise(done => setTimeout(done, 150))")
        return self.events

    def evaluate(self, expression: str) -> Any:
        """The value of ``expression``, a promise awaited."""
        answer = self.send("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in answer:
            details = answer["exceptionDetails"]
            raise BrowserError(details.get("exception", {}).get("description", details.get("text")))
        return answer["result"].get("value")

    def picture(self, whole: bool = True) -> bytes:
        """The page as a PNG, as far down as it goes (or as the window shows)."""
        if whole:
            width, height = self.evaluate("[innerWidth, document.documentElement.scrollHeight]")
            self.size(width, height)
        return base64.b64decode(self.send("Page.captureScreenshot")["data"])


@contextmanager
def browser() -> Iterator[Tab]:
    """A tab of a fresh headless Chromium, which ends with the block."""
    path = find()
    if path is None:
        raise BrowserError(f"no Chromium on the path, tried {', '.join(NAMES)}; on Debian: apt-get install chromium")
    read_command, write_command = os.pipe()
    read_answer, write_answer = os.pipe()

    def pipes() -> None:
        os.dup2(read_command, 203)
        os.dup2(write_answer, 204)
        os.dup2(203, 3)
        os.dup2(204, 4)

    # Chromium's own processes may still write there when it has ended.
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        process = subprocess.Popen(
            [
                path,
                "--headless=new",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-dev-shm-usage",
                "--hide-scrollbars",
                "--no-first-run",
                "--disable-background-networking",
                "--allow-file-access-from-files=false",
                f"--user-data-dir={profile}",
                "--remote-debugging-pipe",
            ],
            preexec_fn=pipes,
            close_fds=False,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(read_command)
        os.close(write_answer)
        try:
            yield Tab(write_command, read_answer)
        finally:
            os.close(write_command)
            os.close(read_answer)
            process.terminate()
            process.wait()


def local(path: Path) -> str:
    return path.resolve().as_uri()
