"""How other vendors' OPC UA clients are got, for the tests."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

from gateway.components.catalogue import GOPCUA, MILO, NODE_OPCUA
from gateway.components.component import ComponentError
from gateway.components.run import Run

MAVEN_PLUGIN = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1"
MILO_POM = f"""\
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>cstr-gateway</groupId>
  <artifactId>foreign-client</artifactId>
  <version>1</version>
  <dependencies>
    <dependency>
      <groupId>org.eclipse.milo</groupId>
      <artifactId>milo-sdk-client</artifactId>
      <version>{MILO.version}</version>
    </dependency>
  </dependencies>
</project>
"""
MILO_JARS = "bd5466d818867ddcdc905e5a05a82f4715665d4fdc4a3b05591e32f770c26092"
"""SHA-256 of the names and SHA-256 of all jars: Maven pins versions only."""
GOPCUA_MODULE = f"""\
module foreign-client

go 1.23

require github.com/gopcua/opcua v{GOPCUA.version}
"""
GOPCUA_SUMS = """\
github.com/davecgh/go-spew v1.1.1 h1:vj9j/u1bqnvCEfJOwUhtlOARqs3+rkHYY13jYWTU97c=
github.com/davecgh/go-spew v1.1.1/go.mod h1:J7Y8YcW2NihsgmVo/mv3lAwl/skON4iLHjSsI+c5H38=
github.com/gopcua/opcua v0.8.0 h1:nB9vDewEmuXmSQf1C9inCHPblFwsH21FeB2Kk6o6Y7U=
github.com/gopcua/opcua v0.8.0/go.mod h1:Z6aellk0gIzznZd2UX+Syd/hUMBt65gRlTakpGo6se8=
github.com/pmezard/go-difflib v1.0.0 h1:4DBwDE0NGyQoBHbLQYPwSUPoCMWR5BEzIk/f1lZbAQM=
github.com/pmezard/go-difflib v1.0.0/go.mod h1:iKH77koFhYxTK1pcRnkKkqfTogsbg7gZNVY4sRDYZ/4=
github.com/stretchr/testify v1.10.0 h1:Xv5erBjTwe/5IxqUQTdXv5kgmIvbHo3QQyRwhJsOfJA=
github.com/stretchr/testify v1.10.0/go.mod h1:r2ic/lqez/lEtzL7wO/rwa5dbSLXVDPFyf8C91i36aY=
gopkg.in/yaml.v3 v3.0.1 h1:fxVm/GzAzEWqLHuvctI91KS9hhNmmWOoWu0XTYJS7CA=
gopkg.in/yaml.v3 v3.0.1/go.mod h1:K4uyk7z7BCEPqu6E+C64Yfv1cQ7kz7rIZviUmN+EgEM=
"""


def install_node_opcua(folder: Path, run: Run) -> None:
    """node-opcua's client and its discovery server with what they need, no scripts run."""
    packages = [f"{each}@{NODE_OPCUA.version}" for each in ("node-opcua-client", "node-opcua-server-discovery")]
    (folder / "package.json").write_text('{"private": true}\n')
    run(
        ["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", "--omit=dev", *packages],
        cwd=folder,
        env={"npm_config_update_notifier": "false"},
    )


def install_milo(folder: Path, run: Run) -> None:
    """Eclipse Milo's client SDK, by which Ignition speaks OPC UA, with what it needs: 19 MB of jars."""
    (folder / "pom.xml").write_text(MILO_POM)
    goal = f"{MAVEN_PLUGIN}:copy-dependencies"
    run(["mvn", "--batch-mode", "--no-transfer-progress", goal, "-DoutputDirectory=lib"], cwd=folder)
    found = digest(folder / MILO.launcher)
    if found != MILO_JARS:
        message = f"milo {MILO.version}: the jars' digest is {found}, not {MILO_JARS}: they are not those tested"
        raise ComponentError(message)


def digest(folder: Path) -> str:
    """The SHA-256 of the names and contents of the files in a folder."""
    lines = [f"{sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in sorted(folder.iterdir())]
    return sha256("".join(lines).encode()).hexdigest()


def install_gopcua(folder: Path, run: Run) -> None:
    """Gopcua's source, and it compiled in Go's own cache, so that a program that uses it is built in seconds."""
    module = folder / GOPCUA.launcher
    module.mkdir()
    (module / "go.mod").write_text(GOPCUA_MODULE)
    (module / "go.sum").write_text(GOPCUA_SUMS)
    (module / "client.go").write_text('package client\n\nimport _ "github.com/gopcua/opcua"\n')
    env = {"CGO_ENABLED": "0", "GOWORK": "off"}
    run(["go", "mod", "vendor"], cwd=module, env=env)
    run(["go", "build", "./..."], cwd=module, env=env)
