"""`cstr-gateway certs`: own certificates, and whom the plant trusts; all of it works while the plant runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.output import FormatOption
from runtime.errors import BadInput, GatewayError

if TYPE_CHECKING:
    from runtime.pki.identity import Identity

Data = Annotated[Path, typer.Option(help="Data directory; the store is its folder pki.")]
Wanted = Annotated[str, typer.Argument(help="Common name, or the first digits of the thumbprint.")]
User = Annotated[bool, typer.Option("--user", help="Certificates of people, and not of applications.")]
Application = Annotated[str, typer.Option(help="Whose: cstr-gateway is the server.")]
Hosts = Annotated[list[str] | None, typer.Option("--host", help="A name or address more, for it to carry.")]
SERVER = "cstr-gateway"
DATA = Path("data")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    certs = typer.Typer(
        help="Own certificates, and whom the plant trusts.\n\nExample: cstr-gateway certs trust UaExpert",
        no_args_is_help=True,
    )
    for command in (create, renew, revoke, export, trust, reject, remove):
        certs.command(command.__name__)(command)
    certs.command("list")(list_certificates)
    app.add_typer(certs, name="certs")


def create(
    ca: Annotated[bool, typer.Option("--ca", help="A CA of the plant, which issues own certificates from then on.")] = (
        False
    ),
    application: Application = SERVER,
    host: Hosts = None,
    data: Data = DATA,
) -> None:
    """Make an application's certificate if it has none that names these hosts, or the plant's CA.

    What a CA issues is accepted at once and shown when the certificate that clients know ends; `renew --now` shows it.

    Example: cstr-gateway certs create --host plant.example
    """
    from runtime.pki.own import own_identities

    if ca:
        _create_authority(data, host or [])
        return
    shown, *_ = own_identities(data / "pki", _hosts(data, host), _checked(application, data))
    _say(_state(data / "pki", application, shown))


def renew(
    application: Application = SERVER,
    now: Annotated[bool, typer.Option("--now", help="Show the new one at once; the old one stays accepted.")] = False,
    host: Hosts = None,
    data: Data = DATA,
) -> None:
    """Make a successor: accepted at once, shown when the certificate that clients know ends.

    Example: cstr-gateway certs renew
    """
    from datetime import UTC, datetime

    from runtime.pki import own

    at = datetime.now(UTC)
    made = own.renew(data / "pki", _hosts(data, host), _checked(application, data), at, shown=now)
    _say(_state(data / "pki", application, made))


def revoke(wanted: Wanted, data: Data = DATA) -> None:
    """Put a certificate of the plant's CA on its CRL, which `export --ca` gives to clients; one of our own is replaced.

    Example: cstr-gateway certs revoke 3F2A9C
    """
    from datetime import UTC, datetime

    from runtime.pki import administration as stores
    from runtime.pki.own import own_identities
    from runtime.pki.store import common_name

    pki = data / "pki"
    entry = stores.find(pki, (stores.OWN, stores.TRUSTED, stores.REJECTED), wanted)
    stores.revoke(pki, entry, datetime.now(UTC))
    _say(f"revoked: {entry}")
    if entry.store == stores.OWN:
        own_identities(pki, _hosts(data, None), common_name(entry.certificate))


def export(
    out: Annotated[Path, typer.Option(help="File to write; in PEM when it ends so, otherwise in DER.")],
    ca: Annotated[bool, typer.Option("--ca", help="The plant's CA, and its CRL beside it.")] = False,
    application: Application = SERVER,
    data: Data = DATA,
) -> None:
    """Write the certificate that clients are to trust.

    Example: cstr-gateway certs export --out cstr-gateway.der
    """
    from datetime import UTC, datetime

    from runtime.pki.authority import Authority
    from runtime.pki.identity import read_identities
    from runtime.pki.store import encoded, read_bytes
    from runtime.whole_files import write

    pki = data / "pki"
    if not out.absolute().parent.is_dir():
        message = f"--out {out}: there is no folder {out.absolute().parent}"
        raise BadInput(message)
    if ca:
        authority = Authority.of(pki)
        if authority is None:
            message = f"there is no CA in {pki / 'ca'}; make one with `cstr-gateway certs create --ca`"
            raise GatewayError(message)
        write(out, encoded(authority.issuer.certificate, out.suffix))
        write(out.with_suffix(".crl"), read_bytes(authority.crl))
        _say(f"wrote {out} and {out.with_suffix('.crl')}")
        return
    shown = read_identities(pki, _checked(application, data), datetime.now(UTC))
    if not shown:
        message = f"{application} has no certificate in {pki}; start it, or use `cstr-gateway certs create`"
        raise GatewayError(message)
    write(out, encoded(shown[0].parsed, out.suffix))
    _say(f"wrote {out}")


def trust(
    wanted: Annotated[
        str | None, typer.Argument(help="Common name or thumbprint of a rejected one, or a file.", show_default=False)
    ] = None,
    all_rejected: Annotated[bool, typer.Option("--all", help="All that are rejected.")] = False,
    issuer: Annotated[
        bool, typer.Option("--issuer", help="A CA that completes chains only: what it issues is not trusted by that.")
    ] = False,
    user: User = False,
    data: Data = DATA,
) -> None:
    """Trust a certificate that was rejected, or one in a file; a CA's CRL in a file, too.

    Example: cstr-gateway certs trust UaExpert
    """
    from gateway.certificates import still_refused
    from runtime.pki import administration as stores

    if (wanted is None) is not all_rejected:
        message = "trust: allowed is either a name, thumbprint or file, or --all"
        raise BadInput(message)
    pki = data / "pki" / ("users" if user else "")
    store = stores.ISSUER if issuer else stores.TRUSTED
    if wanted is None:
        trusted = [stores.trust(pki, each, store) for each in stores.entries(pki, (stores.REJECTED,))]
    elif Path(wanted).is_file():
        done = stores.trust_file(pki, Path(wanted), store)
        if isinstance(done, Path):
            _say(f"wrote {done}")
            return
        trusted = [done]
    else:
        trusted = [stores.trust(pki, stores.find(pki, (stores.REJECTED,), wanted), store)]
    for each in trusted:
        _say(f"{'an issuer' if issuer else 'trusted'}: {each}{still_refused(pki, each, user=user)}")


def reject(wanted: Wanted, user: User = False, data: Data = DATA) -> None:
    """Trust a certificate no longer; it is kept as rejected.

    Example: cstr-gateway certs reject UaExpert
    """
    from runtime.pki import administration as stores

    pki = data / "pki" / ("users" if user else "")
    _say(f"rejected: {stores.reject(pki, stores.find(pki, (stores.TRUSTED, stores.ISSUER), wanted))}")


def remove(wanted: Wanted, user: User = False, data: Data = DATA) -> None:
    """Remove a certificate that is trusted, an issuer's or rejected.

    Example: cstr-gateway certs remove UaExpert
    """
    from runtime.pki import administration as stores

    pki = data / "pki" / ("users" if user else "")
    entry = stores.find(pki, (stores.TRUSTED, stores.ISSUER, stores.REJECTED), wanted)
    entry.path.unlink(missing_ok=True)
    _say(f"removed: {entry}")


def list_certificates(data: Data = DATA, format: FormatOption = None) -> None:  # noqa: A002
    """List certificates: own, the plant's CA, trusted, issuers, rejected, and those of people.

    Example: cstr-gateway certs list
    """
    from gateway.certificates import COLUMNS, TABLE_COLUMNS, TABLE_WIDTHS, rows
    from gateway.output import print_rows

    print_rows(list(rows(data / "pki")), COLUMNS, format, TABLE_COLUMNS, TABLE_WIDTHS)


def _create_authority(data: Path, hosts: list[str]) -> None:
    from datetime import UTC, datetime

    from runtime.pki.authority import Authority
    from runtime.pki.identity import applications, locked
    from runtime.pki.own import renew

    pki, at = data / "pki", datetime.now(UTC)
    with locked(pki):
        present = Authority.of(pki)
        if present is not None:
            message = f"{present.certificate} is there already; remove the folder {pki / 'ca'} to have another CA"
            raise BadInput(message)
        made = Authority.make(pki, at)
    _say(f"{made.certificate} {made.thumbprint}: have clients trust it, with {made.crl}")
    for application in applications(pki) or [SERVER]:
        try:
            issued = renew(pki, _hosts(data, hosts), application, at, shown=False)
        except BadInput as error:
            _say(str(error))
            continue
        _say(_state(pki, application, issued))


def _state(pki: Path, application: str, made: Identity) -> str:
    """Tell of a certificate that was made whether clients see it already."""
    from runtime.pki.identity import shown_identity

    shown = shown_identity(pki, application)
    if shown is None or shown.thumbprint == made.thumbprint:
        return f"{made.certificate} {made.thumbprint} is shown until {made.not_after:%Y-%m-%d}"
    whose = f" --application {application}" if application != SERVER else ""
    return (
        f"{made.certificate} {made.thumbprint} is accepted, and shown from {shown.not_after:%Y-%m-%d}, when the present"
        f" one ends; `cstr-gateway certs renew{whose} --now` shows it at once"
    )


def _hosts(data: Path, more: list[str] | None) -> list[str]:
    """Return the hosts asked for, and those that the settings of the last run name."""
    from runtime.addresses import check_host, is_unspecified
    from runtime.running import RUN_SETTINGS
    from runtime.settings_file import load_settings

    hosts = list(more or [])
    try:
        for host in hosts:
            check_host(host)
    except ValueError as error:
        raise BadInput(f"--host {host}: {error}") from None
    if (data / RUN_SETTINGS).exists():
        server = load_settings(data / RUN_SETTINGS, env={}).server
        hosts += [*server.hosts, server.listen]
    return [each for each in hosts if not is_unspecified(each)]


def _checked(application: str, data: Path) -> str:
    """Return the name of an application that is ours."""
    from runtime.pki.identity import applications
    from runtime.users_file import SERVICES

    known = dict.fromkeys((SERVER, *SERVICES, *applications(data / "pki")))
    if application not in known:
        message = f"--application {application!r}: allowed are {', '.join(known)}"
        raise BadInput(message)
    return application


def _say(text: str) -> None:
    typer.echo(text, err=True)
