"""A signal at any moment ends the process, also when what it interrupted swallows or replaces the exception."""

from __future__ import annotations

import subprocess
import sys
import textwrap

SERVICE = textwrap.dedent(
    """
    import asyncio, os, signal, sys, tempfile
    from pathlib import Path
    from runtime import ending
    from runtime.ports import free_port
    from runtime.service import main

    async def serve(context):
        await asyncio.Event().wait()

    ending.end_quietly()
    try:
        os.kill(os.getpid(), signal.SIGTERM)
    except SystemExit:
        pass
    os.environ["CSTR_GATEWAY__DETECTOR__HEALTH_PORT"] = str(free_port())
    sys.exit(main("detector", serve, ["--data", tempfile.mkdtemp()]))
    """
)


def test_a_swallowed_signal_is_not_forgotten() -> None:
    done = subprocess.run([sys.executable, "-P", "-c", SERVICE], capture_output=True, text=True, timeout=20)
    assert done.returncode == 0, done.stderr
    assert done.stderr.endswith("detector INFO ended\n")


COMMAND = textwrap.dedent(
    """
    import os, signal
    from gateway import cli

    class Field:
        def __set_name__(self, owner, name):
            os.kill(os.getpid(), signal.SIGINT)

    def imports():
        class Structure:
            field = Field()

    cli.make_app = imports
    cli.main()
    """
)


def test_a_signal_that_becomes_another_error_is_none() -> None:
    done = subprocess.run([sys.executable, "-P", "-c", COMMAND], capture_output=True, text=True, timeout=20)
    assert (done.returncode, done.stderr) == (0, "")
