"""jupyter_client's way to a forked kernel: a provisioner, chosen by ``JUPYTER_DEFAULT_PROVISIONER_NAME``.

    JUPYTER_DEFAULT_PROVISIONER_NAME=mosaicreid-forked MOSAICREID_KERNELS=SOCKET papermill in.ipynb out.ipynb

Where no server can give such a kernel, a logged line says why and an ordinary one is started.
"""

import json
import os
import signal
import socket
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jupyter_client.connect import KernelConnectionInfo
from jupyter_client.provisioning import LocalProvisioner

from mosaicreid.errors import InputError
from mosaicreid.sweep.kernel_server import ADDRESS, LENGTH, can_fork


class ForkedKernel:
    """A kernel that a server forked, with what jupyter_client uses of a ``Popen``. Signals go to its process group."""

    stdin = stdout = stderr = None

    def __init__(self, connection: socket.socket, *, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._connection = connection

    def poll(self) -> int | None:
        """The exit status, negative for a signal; None while the kernel runs."""
        return self._status(socket.MSG_DONTWAIT)

    def wait(self) -> int:
        """Wait for the exit status."""
        status = self._status(0)
        assert status is not None
        return status

    def send_signal(self, number: int) -> None:
        """Send a signal, unless the kernel has ended."""
        if self.poll() is None:
            os.killpg(self.pid, number)

    def terminate(self) -> None:
        """Ask the kernel to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End the kernel."""
        self.send_signal(signal.SIGKILL)

    def _status(self, flags: int) -> int | None:
        if self.returncode is None:
            try:
                answer = self._connection.recv(64, flags)
            except BlockingIOError:
                return None
            # Without an answer the server was killed, and the kernel ends when it sees that.
            self.returncode = json.loads(answer)["status"] if answer else -signal.SIGKILL
            self._connection.close()
        return self.returncode


def fork_kernel(address: str, command: Sequence[str], *, env: Mapping[str, str], cwd: str) -> ForkedKernel:
    """A kernel of the server at ``address``, as ``command`` would start it, on this process's output streams.

    Raises:
        InputError: no server, or one that cannot give such a kernel; the message says why.
    """
    if not can_fork():
        raise InputError("kernels cannot be forked on this system")
    connection = socket.socket(socket.AF_UNIX)
    request = json.dumps({"command": list(command), "env": dict(env), "cwd": cwd}).encode()
    try:
        connection.connect(address)
        socket.send_fds(connection, [len(request).to_bytes(LENGTH, "big")], [1, 2])
        connection.sendall(request)
        answer = connection.recv(4096)
    except OSError as error:
        connection.close()
        raise InputError(f"no kernel server at {address!r} ({error.strerror})") from error
    said = json.loads(answer) if answer else {"refused": f"no kernel server at {address!r} (it has ended)"}
    if "refused" in said:
        connection.close()
        raise InputError(said["refused"])
    return ForkedKernel(connection, pid=int(said["pid"]))


class ForkedProvisioner(LocalProvisioner):
    """Kernels of the server that ``MOSAICREID_KERNELS`` names, ordinary ones where that is not possible.

    What tells papermill to end (SIGTERM) is passed on to the kernel, which saves what it has done and ends by an error;
    papermill alone would end at once, and its kernel with it.
    """

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> KernelConnectionInfo:
        """Start the kernel that ``cmd`` names; arguments as jupyter_client has them."""
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, lambda number, frame: self._pass_on(number))
        if ADDRESS not in os.environ:
            return await super().launch_kernel(cmd, **kwargs)
        folder = str(Path(kwargs.get("cwd") or Path.cwd()).absolute())
        try:
            if kwargs.get("stdout") is not None or kwargs.get("stderr") is not None:
                raise InputError("a forked kernel writes to its starter's streams; got others")
            kernel = fork_kernel(os.environ[ADDRESS], cmd, env=kwargs.get("env") or os.environ, cwd=folder)
        except InputError as error:
            self.log.warning("%s; an ordinary kernel is started instead", error)
            return await super().launch_kernel(cmd, **kwargs)
        self.process = kernel  # type: ignore[assignment]  # declared as Popen, of which it has what is used
        self.pid = self.pgid = kernel.pid
        self.cwd = folder
        return self.connection_info

    def _pass_on(self, number: int) -> None:
        if self.process is None:
            raise SystemExit(128 + number)
        self.process.send_signal(number)
