"""Starts a program that ends when its parent does: `python launch.py PROGRAM ARGUMENT...`.

On Linux the kernel sends SIGTERM to the program as soon as its parent dies, also by `kill -9`, when the parent could
not do it itself. Elsewhere the program is just started. A program of its own because the kernel is to be asked in the
child, between fork and exec, where a process with threads must not run Python.

Takes nothing from this project, so that it starts fast.
"""

from __future__ import annotations

import os
import signal
import sys

_PR_SET_PDEATHSIG = 1  # <linux/prctl.h>


def command(program: list[str]) -> list[str]:
    """Return the command line that starts `program` through this file.

    The kernel means the parent *thread*: start it from one that lives as long as the program shall.
    """
    return [sys.executable, "-I", "-S", __file__, str(os.getpid()), *program]


def main() -> None:
    """Ask the kernel, then become the program."""
    parent, program = int(sys.argv[1]), sys.argv[2:]
    if sys.platform == "linux":
        import ctypes  # noqa: PLC0415 - there may be none on other systems

        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:  # it died before the kernel was asked
            return
    os.execv(program[0], program)  # noqa: S606 - becoming it is the point


if __name__ == "__main__":
    main()
