"""`make components`: find, build or install the real servers; say which was taken and its version."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time

from gateway.components.catalogue import CATALOGUE
from gateway.components.component import ComponentError
from gateway.components.finder import advice, entry_of, locate
from gateway.components.installer import install, say
from runtime.errors import BadInput


def main() -> int:
    """Exit 0; 1 when one is missing that is required (`--require`, CI=true); 2 on bad input; 3 interrupted."""
    parser = argparse.ArgumentParser(prog="make components", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(CATALOGUE)}; all by default")
    parser.add_argument("--require", action="store_true", help="end with 1 when one cannot be had")
    parser.add_argument("--find", action="store_true", help="only look, build nothing")
    options = parser.parse_args()
    required = options.require or os.environ.get("CI") == "true"
    # An ended run takes its compiler along; what the Go and Rust caches hold by then is not built again.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        missing = [name for name in options.names or CATALOGUE if not _get(name, options.find)]
    except BadInput as error:
        say(str(error))
        return error.exit_code
    except KeyboardInterrupt:
        say("interrupted; `make components` goes on from here")
        return ComponentError.exit_code
    if missing and required:
        say(f"missing: {', '.join(missing)}")
        return 1
    return 0


def _get(name: str, only_look: bool) -> bool:
    started = time.monotonic()
    entry = entry_of(name)
    found = locate(name)
    how: str = found.source if found is not None else ""
    why = "not here"
    if found is None and not only_look:
        say(f"{name} {entry.version}: not here yet; getting it takes {entry.takes}")
        try:
            found = install(entry)
            how = f"got in {time.monotonic() - started:.0f} s"
        except ComponentError as error:
            why = str(error)
    if found is None:
        say(f"{name}: cannot be had: {why}\n{name}: {advice(name)}")
        return False
    print(f"{name} {found.version} ({how}): {found.path}", flush=True)
    return True


if __name__ == "__main__":
    sys.exit(main())
