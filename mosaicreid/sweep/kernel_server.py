"""Kernels forked from a process that has imported everything already: of ten seconds of imports, each run spends none.

A workflow starts the server with the modules that its notebooks need (``start_kernel_server``), and its papermill asks
for kernels by ``mosaicreid.sweep.forked_kernel``. Each kernel is a process of its own, forked before anything has been
computed, with the environment, folder and streams of who asked; it is killed when that process ends. The server ends
when the process that started it does. Linux only: elsewhere a fork after such imports is not safe, and kernels are
started as usual.
"""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import entry_points

from mosaicreid.errors import InputError

PROVISIONER = "mosaicreid-forked"  # its entry point in pyproject.toml
ADDRESS = "MOSAICREID_KERNELS"  # the variable with the path of the server's socket
LENGTH = 4  # bytes before a request


@dataclass(frozen=True, kw_only=True)
class KernelServer:
    """A running server: ``address`` is the path of its socket."""

    address: str
    process: "subprocess.Popen[str]"

    @property
    def variables(self) -> dict[str, str]:
        """The environment in which jupyter_client takes kernels from this server."""
        return {ADDRESS: self.address, "JUPYTER_DEFAULT_PROVISIONER_NAME": PROVISIONER}

    def close(self) -> None:
        """Take no further kernel, wait for those there are, and end."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()


def can_fork() -> bool:
    """Whether kernels can be forked: on this system, and by a package whose installation names the provisioner."""
    named = entry_points(group="jupyter_client.kernel_provisioners", name=PROVISIONER)
    return sys.platform == "linux" and hasattr(os, "pidfd_open") and bool(named)


def start_kernel_server(modules: Sequence[str], environment: Mapping[str, str]) -> KernelServer:
    """Start a server that imports ``modules`` when it is first asked for a kernel; returns at once.

    Raises:
        InputError: where kernels cannot be forked.
    """
    if not can_fork():
        raise InputError(
            f"kernels cannot be forked on {sys.platform}; expected Linux, and the package installed since it can: "
            "`pip install -e .` again"
        )
    # As a kernel sets it for itself, too late for one that has matplotlib already.
    environment = {"MPLBACKEND": "module://matplotlib_inline.backend_inline", **environment}
    process = subprocess.Popen(
        [sys.executable, "-m", "mosaicreid.sweep.kernel_serving", *modules],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
        # Ctrl-C in a terminal reaches its whole group; the server ends after those it serves.
        start_new_session=True,
    )
    assert process.stdout is not None
    return KernelServer(address=process.stdout.readline().strip(), process=process)
