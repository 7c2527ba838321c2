"""Forked kernels: as ordinary ones but for the imports, refused where they could not be, never left behind."""

import json
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import nbformat
import papermill
import pytest
from jupyter_client.provisioning import KernelProvisionerFactory
from nbformat.v4 import new_code_cell, new_notebook

from mosaicreid.errors import InputError
from mosaicreid.sweep.forked_kernel import ForkedKernel, fork_kernel
from mosaicreid.sweep.kernel_server import KernelServer, can_fork, start_kernel_server

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="kernels are forked on Linux only")

# A library that is slow to import, as far as it can be seen from a kernel, and that sets a variable.
LIBRARY = "import os\nos.environ['SET_BY_IMPORT'] = '1'\nIMPORTED_BY = os.getpid()\n"
LOOK = """
import json, os, random, sys
import numpy, slow_library
import matplotlib.pyplot as plt
told = {
    "folder": os.getcwd(),
    "path": sys.path,
    "variables": {k: v for k, v in os.environ.items() if k not in ("JPY_PARENT_PID", "JPY_SESSION_NAME")},
    "main": __name__,
    "backend": plt.get_backend(),
    "input": sys.stdin is not None,
    "alone": os.getpgid(0) == os.getpid(),
}
own = {
    "parent": os.getppid(),
    "imported": slow_library.IMPORTED_BY != os.getpid(),
    "draws": [random.random(), numpy.random.rand()],
}
print(json.dumps([told, own]))
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("kernels")
    (folder / "slow_library.py").write_text(LIBRARY)
    notebook = new_notebook(metadata={"kernelspec": {"name": "python3", "display_name": "", "language": "python"}})
    notebook.cells = [new_code_cell(LOOK)]
    nbformat.write(notebook, folder / "look.ipynb")
    return folder


@pytest.fixture(scope="module")
def environment(folder: Path) -> dict[str, str]:
    # An empty part would be the folder that each process happens to start in.
    parts = [str(folder), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(parts)}


@pytest.fixture(scope="module")
def server(environment: dict[str, str]) -> Iterator[KernelServer]:
    assert can_fork(), "install the package again: its provisioner is not registered"
    server = start_kernel_server(["slow_library", "numpy", "matplotlib.pyplot", "ipykernel.kernelapp"], environment)
    yield server
    server.close()
    assert not Path(server.address).parent.exists()


def look(folder: Path, variables: dict[str, str], patch: pytest.MonkeyPatch) -> tuple[dict, dict]:
    """What a kernel sees, under papermill in an environment with ``variables``."""
    for name, value in variables.items():
        patch.setenv(name, value)
    # Which provisioner is the default one is read once in a process.
    KernelProvisionerFactory.clear_instance()
    shown = papermill.execute_notebook(
        folder / "look.ipynb", folder / "out.ipynb", kernel_name="python3", progress_bar=False, cwd=folder
    )
    (output,) = (output["text"] for cell in shown.cells for output in cell.outputs if output.get("name") == "stdout")
    told, own = json.loads(output)
    return told, own


def test_a_forked_kernel_sees_what_an_ordinary_one_sees(
    folder: Path, environment: dict[str, str], server: KernelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", environment["PYTHONPATH"])
    first = look(folder, server.variables, monkeypatch)
    second = look(folder, server.variables, monkeypatch)
    ordinary = look(folder, {"JUPYTER_DEFAULT_PROVISIONER_NAME": "local-provisioner"}, monkeypatch)
    for forked in (first, second):
        assert forked[1]["parent"] == server.process.pid
        assert forked[1]["imported"]
    assert first[1]["draws"][0] != second[1]["draws"][0]
    assert first[1]["draws"][1] != second[1]["draws"][1]
    assert not ordinary[1]["imported"]
    for told in (first[0], second[0], ordinary[0]):
        told["variables"].pop("JUPYTER_DEFAULT_PROVISIONER_NAME")
    assert first[0] == second[0] == ordinary[0]


def command(connection_file: str = "none.json") -> list[str]:
    return [sys.executable, "-Xfrozen_modules=off", "-m", "ipykernel_launcher", "-f", connection_file]


def ended(pid: int) -> bool:
    """Whether the process ``pid`` ends within ten seconds."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([descriptor], [], [], 10)[0])
    finally:
        os.close(descriptor)


@pytest.fixture
def kernel(server: KernelServer, environment: dict[str, str], tmp_path: Path) -> Iterator[ForkedKernel]:
    kernel = fork_kernel(server.address, command(), env=environment, cwd=str(tmp_path))
    yield kernel
    kernel.kill()
    kernel.wait()


def test_a_kernel_is_killed_when_told_so_and_says_how_it_ended(kernel: ForkedKernel) -> None:
    assert kernel.poll() is None
    kernel.kill()
    assert kernel.wait() == kernel.poll() == -9
    kernel.terminate()


def test_a_kernel_ends_with_whoever_asked_for_it(server: KernelServer, environment: dict[str, str]) -> None:
    program = (
        "import os, sys; from mosaicreid.sweep.forked_kernel import fork_kernel\n"
        f"kernel = fork_kernel({server.address!r}, {command()!r}, env=dict(os.environ), cwd='/')\n"
        "print(kernel.pid, flush=True); os.kill(os.getpid(), 9)"
    )
    read, write = os.pipe()
    asker = os.posix_spawn(
        sys.executable, [sys.executable, "-c", program], environment, file_actions=[(os.POSIX_SPAWN_DUP2, write, 1)]
    )
    os.close(write)
    with os.fdopen(read) as said:
        pid = int(said.readline())
    assert os.waitstatus_to_exitcode(os.waitpid(asker, 0)[1]) == -9
    assert ended(pid)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"command": ["/usr/bin/other", *command()[1:]]},
            r"the kernel's command is '/usr/bin/other .* expected .*python",
        ),
        ({"command": [sys.executable, "-m", "another_kernel"]}, "another_kernel', expected"),
        ({"env": {"OMP_NUM_THREADS": "7"}}, "OMP_NUM_THREADS.* differ from the kernel server's"),
        ({"env": {"TQDM_DISABLE": "surely"}}, "TQDM_DISABLE.* differ"),
    ],
    ids=["interpreter", "kernel", "threads", "bars"],
)
def test_another_kernel_is_refused(
    server: KernelServer, environment: dict[str, str], change: dict[str, object], message: str
) -> None:
    given = {"command": command(), "env": {}} | change
    with pytest.raises(InputError, match=message):
        fork_kernel(server.address, given["command"], env={**environment, **given["env"]}, cwd="/")


def test_half_a_request_is_refused_and_the_next_one_served(
    server: KernelServer, environment: dict[str, str], tmp_path: Path
) -> None:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(server.address)
        socket.send_fds(connection, [(10).to_bytes(4, "big")], [1, 2])
        connection.sendall(b"half")
        connection.shutdown(socket.SHUT_WR)
        assert "half a request" in json.loads(connection.recv(4096))["refused"]
    kernel = fork_kernel(server.address, command(), env=environment, cwd=str(tmp_path))
    kernel.kill()
    assert kernel.wait() == -9


def test_without_a_server_an_ordinary_kernel_is_started_and_a_line_says_why(
    folder: Path, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("PYTHONPATH", environment["PYTHONPATH"])
    gone = {"JUPYTER_DEFAULT_PROVISIONER_NAME": "mosaicreid-forked", "MOSAICREID_KERNELS": str(folder / "gone")}
    assert not look(folder, gone, monkeypatch)[1]["imported"]
    assert f"no kernel server at '{folder / 'gone'}' (No such file or directory); an ordinary kernel" in caplog.text


SLOW = """
import os, signal, time
told = []
signal.signal(signal.SIGTERM, lambda number, frame: told.append(number))
os.kill(os.getppid(), signal.SIGTERM)
time.sleep(7)
open("saved.txt", "w").write(str(told))
raise KeyError("told to end")
"""


def test_a_kernel_whose_papermill_is_told_to_end_may_save_what_it_has_done(folder: Path, tmp_path: Path) -> None:
    """papermill alone would end at once, and its kernel within a second or two."""
    notebook = nbformat.read(folder / "look.ipynb", as_version=4)
    notebook.cells = [new_code_cell(SLOW)]
    nbformat.write(notebook, tmp_path / "slow.ipynb")
    variables = {name: value for name, value in os.environ.items() if name != "MOSAICREID_KERNELS"}
    done = subprocess.run(
        [Path(sys.executable).with_name("papermill"), "slow.ipynb", "out.ipynb", "--no-progress-bar"],
        cwd=tmp_path,
        env={**variables, "JUPYTER_DEFAULT_PROVISIONER_NAME": "mosaicreid-forked"},
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.returncode != 0
    assert (tmp_path / "saved.txt").read_text() == f"[{signal.SIGTERM.value}]"
    assert "KeyError: 'told to end'" in done.stderr
    assert "an ordinary kernel is started instead" not in done.stderr


def test_an_import_that_starts_threads_is_not_forked(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "threading_library.py").write_text(
        "import threading\nthreading.Thread(target=threading.Event().wait, name='worker', daemon=True).start()\n"
    )
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"}
    server = start_kernel_server(["threading_library"], environment)
    with pytest.raises(InputError, match="no kernel server at"):
        fork_kernel(server.address, command(), env=environment, cwd="/")
    server.close()
    assert "kernels cannot be forked: an import started worker" in capfd.readouterr().err
    assert server.process.returncode == 1


def test_a_server_that_nobody_asks_imports_nothing(tmp_path: Path) -> None:
    (tmp_path / "heavy.py").write_text(f"open({str(tmp_path / 'imported')!r}, 'w')\n")
    server = start_kernel_server(["heavy"], {**os.environ, "PYTHONPATH": str(tmp_path)})
    assert Path(server.address).parent.is_dir()
    server.close()
    assert server.process.returncode == 0
    assert not (tmp_path / "imported").exists()
    assert not Path(server.address).parent.exists()
