"""A GPU of its own for every job of a sweep on one machine: a lock per card, which ends with the job that holds it."""

import errno
import os
import platform
import re
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from mosaicreid.errors import InputError
from mosaicreid.files import naming_faults

# Torch and CUDA number the cards that this variable lists, in its order.
VISIBLE = "CUDA_VISIBLE_DEVICES"
_CARD = re.compile(r"[0-9]{1,3}|(GPU|MIG)-[\w./-]{1,80}", re.ASCII)
# Seconds between two looks for a free card.
_PAUSE = 0.5


def visible_cards(environment: Mapping[str, str]) -> tuple[str, ...]:
    """The cards that a process with this environment may use, as ``CUDA_VISIBLE_DEVICES`` names them.

    What the variable lists (a cluster sets it); without it, the cards that ``nvidia-smi`` lists; none where there is no
    such program.

    Raises:
        InputError: the variable names a card twice, or in a way that CUDA does not.
    """
    if VISIBLE in environment:
        listed = [name.strip() for name in environment[VISIBLE].split(",")]
        # CUDA takes no card from the first -1 on, and none where the variable is empty.
        listed = listed[: listed.index("-1")] if "-1" in listed else listed
        cards = () if listed == [""] else tuple(listed)
        if len(set(cards)) < len(cards) or not all(_CARD.fullmatch(card) for card in cards):
            raise InputError(
                f"{VISIBLE} is {environment[VISIBLE][:80]!r}; expected different cards apart by commas, like 0,1"
            )
        return cards
    try:
        asked = ["nvidia-smi", "--query-gpu=uuid", "--format=csv,noheader"]
        done = subprocess.run(asked, capture_output=True, text=True, timeout=60, check=True)
    except (OSError, subprocess.SubprocessError):
        return ()
    return tuple(line.strip() for line in done.stdout.splitlines() if line.strip())


def take_card(cards: Sequence[str], folder: Path) -> str:
    """Wait until one of ``cards`` is free, and hold it for this process and whatever it becomes by ``exec``.

    ``folder`` has a lock file per card of this machine; jobs that share it never hold the same card. The lock ends with
    the process, killed or not.

    Raises:
        InputError: the folder cannot be written, or its file system has no locks.
    """
    # Here, because Windows has no such module; nor has it the workflow's shell.
    import fcntl

    said = False
    while True:
        for card in cards:
            path = Path(folder) / f"{platform.node() or 'here'}-{re.sub(r'[^A-Za-z0-9-]', '_', card)}.lock"
            with naming_faults(path):
                path.parent.mkdir(parents=True, exist_ok=True)
                descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                os.close(descriptor)
                if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
                    continue
                raise InputError(
                    f"{path}: its file system has no locks ({error.strerror}), by which jobs share cards; expected "
                    "--runs on another one, or one card at a time (--resources gpu=1)"
                ) from error
            os.set_inheritable(descriptor, True)
            return card
        if not said:
            print(f"all {len(cards)} cards are taken; waiting for one", flush=True)
            said = True
        time.sleep(_PAUSE)


def run_on_card(command: Sequence[str], *, locks: Path, environment: Mapping[str, str] | None = None) -> None:
    """Become ``command``, with one free card to see; without any card, as it is. Does not return.

    Raises:
        InputError: as ``visible_cards`` and ``take_card``, or there is no such program.
    """
    environment = dict(os.environ if environment is None else environment)
    cards = visible_cards(environment)
    # The one card that a cluster gave this job is its own already; other jobs have other cards of the same name.
    if cards and not (len(cards) == 1 and "SLURM_JOB_ID" in environment):
        environment[VISIBLE] = take_card(cards, locks)
    try:
        os.execvpe(command[0], list(command), environment)
    except OSError as error:
        raise InputError(f"cannot run {command[0]!r}: {error.strerror}; expected a program on the path") from error
