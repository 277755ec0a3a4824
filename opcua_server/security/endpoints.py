"""What GetEndpoints and CreateSession tell of the server (OPC 10000-4 v1.05 §5.5.4, §7.14, §7.41)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from asyncua import ua

from opcua_server.security.identities import ServerIdentities
from opcua_server.security.policies import NONE, SECURED, Offer

TRANSPORT_PROFILE = "http://opcfoundation.org/UA-Profile/Transport/uatcp-uasc-uabinary"
LONGEST_HOST = 255
_NAMES = {
    ua.UserTokenType.Anonymous: "anonymous",
    ua.UserTokenType.UserName: "username",
    ua.UserTokenType.Certificate: "certificate",
}


@dataclass(frozen=True, slots=True)
class Endpoints:
    """All endpoints of the server: one URL, several policies and modes."""

    url: str
    application_uri: str
    identities: ServerIdentities
    with_none: bool
    """Sessions without security are allowed."""
    with_anonymous: bool

    @property
    def offers(self) -> tuple[Offer, ...]:
        """The policies and modes of sessions."""
        return (NONE, *SECURED) if self.with_none else SECURED

    def application(self, asked_url: str | None) -> ua.ApplicationDescription:
        """Return the server's description, with the host by which the client asked."""
        return ua.ApplicationDescription(
            ApplicationUri=self.application_uri,
            ProductUri="urn:cstr-gateway",
            ApplicationName=ua.LocalizedText("cstr-gateway"),
            ApplicationType=ua.ApplicationType.Server,
            DiscoveryUrls=[self.url_for(asked_url)],
        )

    def describe(self, asked_url: str | None) -> list[ua.EndpointDescription]:
        """Return the endpoints, with the host by which the client asked."""
        server, certificate = self.application(asked_url), self.identities.shown.der
        return [
            ua.EndpointDescription(
                EndpointUrl=self.url_for(asked_url),
                Server=server,
                ServerCertificate=certificate,
                SecurityMode=offer.mode,
                SecurityPolicyUri=offer.uri,
                UserIdentityTokens=self.tokens(offer),
                TransportProfileUri=TRANSPORT_PROFILE,
                SecurityLevel=ua.Byte(offer.level),
            )
            for offer in self.offers
        ]

    def tokens(self, offer: Offer) -> list[ua.UserTokenPolicy]:
        """Return how users log in at an endpoint; a secret is encrypted everywhere."""
        secured: Sequence[Offer] = SECURED if offer is NONE else (offer,)
        policies = [_policy(ua.UserTokenType.Anonymous, None)] if self.with_anonymous else []
        uris = dict.fromkeys((each.uri, each.name) for each in secured)
        policies += [
            _policy(kind, of) for kind in (ua.UserTokenType.UserName, ua.UserTokenType.Certificate) for of in uris
        ]
        return policies

    def url_for(self, asked_url: str | None) -> str:
        """Return the endpoint's URL, by the host and port that the client knows it by where it names one."""
        try:
            asked = urlsplit(asked_url or "")
            named = asked.scheme == "opc.tcp" and bool(asked.hostname) and len(asked.netloc) <= LONGEST_HOST
            if not named or asked.port == 0:
                return self.url
        except ValueError:
            return self.url
        return urlsplit(self.url)._replace(netloc=asked.netloc.rpartition("@")[2]).geturl()


def _policy(kind: ua.UserTokenType, policy: tuple[str, str] | None) -> ua.UserTokenPolicy:
    uri, name = policy or (None, "")
    return ua.UserTokenPolicy(
        PolicyId="_".join(part for part in (_NAMES[kind], name.lower()) if part),
        TokenType=kind,
        SecurityPolicyUri=uri,
    )
