"""The process that forks kernels: ``python -m mosaicreid.sweep.kernel_serving MODULE ...``, see ``kernel_server``.

One thread, which waits for requests, for the ends of kernels and for the ends of those who asked for them.
"""

import atexit
import gc
import importlib
import json
import os
import runpy
import select
import selectors
import shutil
import signal
import socket
import sys
import tempfile
import threading
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from mosaicreid.errors import InputError
from mosaicreid.sweep.kernel_server import LENGTH

# Prefixes of variables that are read while Python starts or a library is imported, which the server has behind it.
_READ_EARLY = (
    *("PYTHON", "LD_", "TQDM_", "MPLBACKEND", "MPLCONFIGDIR", "MATPLOTLIBRC", "OMP_", "KMP_", "GOMP_", "MKL_"),
    *("OPENBLAS_", "ONEDNN_", "DNNL_", "ATEN_", "NUMEXPR_", "CUDA_", "CUBLAS_", "CUDNN_", "NVIDIA_", "PYTORCH_"),
    *("TORCH", "HF_", "TRANSFORMERS_"),
)
_KERNEL = ["-m", "ipykernel_launcher"]


@dataclass(frozen=True, kw_only=True)
class _Request:
    arguments: list[str]  # for ipykernel_launcher
    env: dict[str, str]
    cwd: str
    streams: list[int]


class _Server:
    """Takes requests one after the other, and forks; everything it waits for is in one selector."""

    def __init__(self, listener: socket.socket, before: Mapping[str, str]) -> None:
        self._listener: socket.socket | None = listener
        self._before = before  # the environment in which everything was imported
        self._selector = selectors.DefaultSelector()
        self._selector.register(listener, selectors.EVENT_READ, self._accept)
        self._selector.register(0, selectors.EVENT_READ, self._stop)
        self._kernels: dict[int, tuple[int, socket.socket]] = {}  # by process: its descriptor and who asked for it

    def serve(self) -> _Request | None:
        """Fork for every request. In the child it returns the request; in the server None, when all is over."""
        while self._listener is not None or self._kernels:
            for key, _ in self._selector.select():
                request = key.data()
                if request is not None:
                    return request
        return None

    def _stop(self) -> None:
        """Whoever started the server has closed its input, or has ended."""
        assert self._listener is not None
        self._selector.unregister(0)
        self._selector.unregister(self._listener)
        self._listener.close()
        self._listener = None

    def _accept(self) -> _Request | None:
        if self._listener is None:
            return None
        connection = self._listener.accept()[0]
        try:
            request = _receive(connection, self._before)
        except (InputError, OSError, ValueError) as error:
            _send(connection, refused=str(error))
            connection.close()
            return None
        child = os.fork()
        if child == 0:
            self._leave(connection)
            return request
        # A group for its signals, before anybody sends one. The session is the server's, without a terminal.
        os.setpgid(child, child)
        for stream in request.streams:
            os.close(stream)
        _send(connection, pid=child)
        descriptor = os.pidfd_open(child)
        self._kernels[child] = descriptor, connection
        self._selector.register(descriptor, selectors.EVENT_READ, lambda: self._ended(child))
        self._selector.register(connection, selectors.EVENT_READ, lambda: self._abandoned(child))
        return None

    def _ended(self, child: int) -> None:
        descriptor, connection = self._kernels.pop(child)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        self._selector.unregister(descriptor)
        os.close(descriptor)
        if connection.fileno() >= 0:
            self._selector.unregister(connection)
            _send(connection, status=status)
            connection.close()

    def _abandoned(self, child: int) -> None:
        """Whoever asked for the kernel has ended, perhaps by a signal: nobody will stop it."""
        if child not in self._kernels:
            return
        _, connection = self._kernels[child]
        self._selector.unregister(connection)
        connection.close()
        os.killpg(child, signal.SIGKILL)

    def _leave(self, connection: socket.socket) -> None:
        """In the child: let go of what is the server's."""
        self._selector.close()
        assert self._listener is not None
        self._listener.close()
        connection.close()
        for descriptor, other in self._kernels.values():
            os.close(descriptor)
            other.close()


def _receive(connection: socket.socket, before: Mapping[str, str]) -> _Request:
    # Whoever asks has it all at hand: one that stops halfway must not hold up the others.
    connection.settimeout(10)
    head, streams, _, _ = socket.recv_fds(connection, LENGTH, 2)
    try:
        if len(head) != LENGTH or len(streams) != 2:
            raise InputError("the kernel server got no whole request; expected one of fork_kernel")
        body = bytearray()
        while len(body) < int.from_bytes(head, "big"):
            part = connection.recv(1 << 16)
            if not part:
                raise InputError("the kernel server got half a request; expected one of fork_kernel")
            body += part
        said = json.loads(body)
        env = _environment(said["env"], before)
        return _Request(arguments=_arguments(said["command"]), env=env, cwd=said["cwd"], streams=streams)
    except BaseException:
        for stream in streams:
            os.close(stream)
        raise


def _arguments(command: list[str]) -> list[str]:
    """What ``command`` gives ipykernel; InputError where it is not this interpreter's kernel."""
    options = command[1:]
    while options and options[0].startswith("-X"):
        options = options[1:]
    if os.path.abspath(command[0]) != os.path.abspath(sys.executable) or options[:2] != _KERNEL:  # noqa: PTH100
        raise InputError(
            f"the kernel's command is {' '.join(command[:4])!r}, expected {sys.executable} -m {_KERNEL[1]}"
        )
    return options[2:]


def _environment(asked: Mapping[str, str], before: Mapping[str, str]) -> dict[str, str]:
    """``asked``, and what imports have set; InputError where it differs from ``before`` in what they have read."""
    wanted, read = (
        {name: value for name, value in variables.items() if name.startswith(_READ_EARLY)}
        for variables in ({"MPLBACKEND": before["MPLBACKEND"], **asked}, before)
    )
    different = sorted(name for name in wanted.keys() | read.keys() if wanted.get(name) != read.get(name))
    if different:
        raise InputError(f"{', '.join(different)} differ from the kernel server's, which has read them already")
    return {**asked, **{name: value for name, value in os.environ.items() if before.get(name) != value}}


def _send(connection: socket.socket, **answer: Any) -> None:
    try:
        connection.sendall(json.dumps(answer).encode())
    except OSError:
        # Whoever asked has ended, which the selector reports.
        return


def _become_kernel(request: _Request) -> NoReturn:
    """The rest of the child's life: an ordinary kernel."""
    parent = os.getppid()
    with Path(os.devnull).open("rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    for target, stream in enumerate(request.streams, 1):
        os.dup2(stream, target)
        os.close(stream)
    os.environ.clear()
    os.environ.update(request.env)
    os.chdir(request.cwd)
    # Where Python puts the working folder of `python -m`, and where the launcher takes it away.
    sys.path[0] = request.cwd
    if "numpy" in sys.modules:
        # Python draws a new seed after a fork by itself.
        sys.modules["numpy"].random.seed()
    sys.argv = [_KERNEL[1], *request.arguments, f"--IPKernelApp.parent_handle={parent}"]
    status = 0
    try:
        runpy.run_module(_KERNEL[1], run_name="__main__", alter_sys=True)
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
        status = 1
    # As an interpreter ends, but for taking apart what was imported, which costs as much as starting the kernel.
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def _check_quiet() -> None:
    """End the process where a fork would not be safe: a library has started threads, or a GPU."""
    threads = [thread.name for thread in threading.enumerate() if thread is not threading.main_thread()]
    torch = sys.modules.get("torch")
    if threads or (torch is not None and torch.cuda.is_initialized()):
        sys.exit(f"kernels cannot be forked: an import started {', '.join(threads) or 'CUDA'}")


def main(modules: Sequence[str]) -> None:
    """Print the address, import ``modules``, serve."""
    server, folder = os.getpid(), Path(tempfile.mkdtemp(prefix="mosaicreid-"))
    try:
        request = _serve(folder / "kernels", modules)
    finally:
        if os.getpid() == server:
            shutil.rmtree(folder)
    if request is not None:
        _become_kernel(request)


def _serve(path: Path, modules: Sequence[str]) -> _Request | None:
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen(64)
    print(path, flush=True)
    # That was all there is to say; a kernel must not hold the pipe open.
    os.dup2(2, 1)
    # A sweep with no run left to do asks for no kernel.
    if listener.fileno() not in select.select([listener.fileno(), 0], [], [])[0]:
        return None
    before = dict(os.environ)
    for module in modules:
        importlib.import_module(module)
    _check_quiet()
    gc.collect()
    # Objects that the collector does not visit stay in pages that all kernels share.
    gc.freeze()
    return _Server(listener, before).serve()


if __name__ == "__main__":
    main(sys.argv[1:])
