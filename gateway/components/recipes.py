"""How each component is built or installed into an empty folder, as commands."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from gateway.components.catalogue import GOPCUA, INFLUXD, MILO, MOSQUITTO, NODE_OPCUA, TELEGRAF
from gateway.components.client_libraries import install_gopcua, install_milo, install_node_opcua
from gateway.components.component import ComponentError
from gateway.components.run import Run

TELEGRAF_TAGS = (
    "custom,inputs.mqtt_consumer,inputs.internal,outputs.influxdb_v2,outputs.kafka,outputs.file,"
    "parsers.influx,serializers.influx"
)
PKG_CONFIG_VERSION = "v0.2.14"
# InfluxDB's own `replace` counts in its own module only, so ours repeats it.
INFLUXD_MODULE = f"""\
module influxd-build

go 1.23.0

require github.com/influxdata/influxdb/v2 v{INFLUXD.version}

replace github.com/nats-io/nats-streaming-server v0.11.2 => \
github.com/influxdata/nats-streaming-server v0.11.3-0.20201112040610-c277f7560803
"""


def build_telegraf(folder: Path, run: Run) -> None:
    """A Telegraf with the plugins of `config/telegraf.conf` and those a cluster needs, 28 MB."""
    version = f"-X github.com/influxdata/telegraf/internal.Version={TELEGRAF.version}"
    package = f"github.com/influxdata/telegraf/cmd/telegraf@v{TELEGRAF.version}"
    run(
        ["go", "install", "-trimpath", "-ldflags", f"-s -w {version}", "-tags", TELEGRAF_TAGS, package],
        cwd=folder,
        env={"GOBIN": str(folder), "CGO_ENABLED": "0", "GOWORK": "off"},
    )


def build_influxd(folder: Path, run: Run) -> None:
    """An influxd without its web pages, 93 MB; libflux is compiled from Rust on the way."""
    work = folder / "build"
    tools = work / "tools"
    tools.mkdir(parents=True)
    (work / "go.mod").write_text(INFLUXD_MODULE)
    # Compilers newer than libflux's pinned one warn of more than it lets pass.
    wrapper = tools / "rustc-wrapper"
    wrapper.write_text('#!/bin/sh\nexec "$@" --cap-lints=warn\n')
    wrapper.chmod(0o755)
    run(
        ["go", "install", f"github.com/influxdata/pkg-config@{PKG_CONFIG_VERSION}"],
        cwd=work,
        env={"GOBIN": str(tools), "GOWORK": "off"},
    )
    env = {
        "PKG_CONFIG": str(tools / "pkg-config"),
        "RUSTC_WORKSPACE_WRAPPER": str(wrapper),
        "CGO_ENABLED": "1",
        "GOWORK": "off",
    }
    if (toolchain := _rust_toolchain()) is not None:
        env["RUSTUP_TOOLCHAIN"] = toolchain
    version = f"-X main.version=v{INFLUXD.version} -X main.commit=source"
    argv = ["go", "build", "-mod=mod", "-trimpath", "-o", str(folder / INFLUXD.launcher)]
    argv += ["-tags", "sqlite_foreign_keys,sqlite_json,noassets", "-ldflags", f"-s -w {version}"]
    run([*argv, "github.com/influxdata/influxdb/v2/cmd/influxd"], cwd=work, env=env)
    shutil.rmtree(work)


def _rust_toolchain() -> str | None:
    """The toolchain rustup has active here; None where Rust came without rustup."""
    if shutil.which("rustup") is None:
        return None
    shown = subprocess.run(["rustup", "show", "active-toolchain"], capture_output=True, text=True, check=False, cwd="/")
    return shown.stdout.split()[0] if shown.returncode == 0 and shown.stdout.split() else None


def install_mosquitto(folder: Path, run: Run) -> None:
    """Debian's mosquitto unpacked beside the libraries the system lacks: needs no root, starts no service."""
    packages = _apt_plan()
    if "mosquitto" not in packages and os.geteuid() == 0:
        run(["apt-get", "update"], cwd=folder)
        packages = _apt_plan()
    if "mosquitto" not in packages:
        message = "apt-get offers no mosquitto; `apt-get update` as root may help"
        raise ComponentError(message)
    # Needed by the package's maintainer scripts only.
    wanted = [name for name in packages if name not in {"adduser", "lsb-base", "init-system-helpers"}]
    downloads = folder / "packages"
    downloads.mkdir()
    root = folder / "root"
    run(["apt-get", "download", *wanted], cwd=downloads, env={"LC_ALL": "C"})
    for package in sorted(downloads.glob("*.deb")):
        run(["dpkg-deb", "-x", str(package), str(root)], cwd=folder)
    shutil.rmtree(downloads)
    for name, place in {"mosquitto": "usr/sbin", "mosquitto_passwd": "usr/bin"}.items():
        _launcher(folder / name, f"root/{place}/{name}")


def _apt_plan() -> list[str]:
    """The packages that installing mosquitto would add to this system."""
    shown = subprocess.run(
        ["apt-get", "install", "--simulate", "--no-install-recommends", "mosquitto"],
        capture_output=True,
        text=True,
        check=False,
    )
    return re.findall(r"^Inst (\S+) ", shown.stdout, flags=re.MULTILINE)


def _launcher(path: Path, program: str) -> None:
    libraries = " ".join(f'"$here"/root/{place}/*-linux-gnu*' for place in ("lib", "usr/lib"))
    path.write_text(
        "#!/bin/sh\n"
        'here=$(cd "$(dirname "$0")" && pwd)\n'
        f"for folder in {libraries}; do\n"
        '  LD_LIBRARY_PATH="$folder${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"\n'
        "done\n"
        "export LD_LIBRARY_PATH\n"
        f'exec "$here/{program}" "$@"\n'
    )
    path.chmod(0o755)


RECIPES: dict[str, Callable[[Path, Run], None]] = {
    TELEGRAF.name: build_telegraf,
    INFLUXD.name: build_influxd,
    MOSQUITTO.name: install_mosquitto,
    NODE_OPCUA.name: install_node_opcua,
    MILO.name: install_milo,
    GOPCUA.name: install_gopcua,
}
