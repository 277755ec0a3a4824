"""The profiles of OPC 10000-7 that the server aims at, their conformance units, and which of these it lacks.

`docs/facets.md` is made from this and from the tests that show each unit (`tests/opcua_server/facets.yaml`). What the
server tells of itself in ServerCapabilities is what it lacks nothing of.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

_SERVER = "http://opcfoundation.org/UA-Profile/Server/"
_POLICY = "http://opcfoundation.org/UA/SecurityPolicy#"
_TOKEN = "http://opcfoundation.org/UA-Profile/Security/UserToken/"  # noqa: S105 - no secret


@dataclass(frozen=True, slots=True)
class Unit:
    """A conformance unit."""

    name: str
    is_optional: bool = False
    lacks: str = ""
    """Why it is not offered, or what is missing; empty where nothing is."""


@dataclass(frozen=True, slots=True)
class Profile:
    """A profile or facet: its own units, and the profiles that it includes."""

    name: str
    uri: str
    source: str
    """Where its units are listed."""
    includes: tuple[Profile, ...] = ()
    units: tuple[Unit, ...] = ()

    def all_units(self) -> Iterator[Unit]:
        """Yield its units and those of all it includes."""
        for profile in self.includes:
            yield from profile.all_units()
        yield from self.units

    @property
    def missing(self) -> tuple[Unit, ...]:
        """Mandatory units that the server lacks."""
        return tuple(dict.fromkeys(unit for unit in self.all_units() if unit.lacks and not unit.is_optional))

    @property
    def is_supported(self) -> bool:
        """True when no mandatory unit is missing."""
        return not self.missing


def _units(*names: str) -> tuple[Unit, ...]:
    return tuple(Unit(name) for name in names)


def _optional(name: str, lacks: str = "") -> Unit:
    return Unit(name, is_optional=True, lacks=lacks)


_INVALID_TOKEN = Unit("Security Invalid user token")
_DATABASE = "the OPC Foundation's profile database"
_NO_SUCH_VALUES = "no Variable has such a value"
ANONYMOUS = Profile(
    "User Token – Anonymous Facet",
    f"{_TOKEN}Anonymous",
    "OPC 10000-7 v1.04 §6.6.167",
    units=_units("Security User Anonymous"),
)
USER_NAME = Profile(
    "User Token – User Name Password Server Facet",
    f"{_TOKEN}Server/UserNamePassword",
    "OPC 10000-7 v1.04 §6.6.168",
    units=(_INVALID_TOKEN, Unit("Security User Name Password")),
)
X509 = Profile(
    "User Token – X509 Certificate Server Facet",
    f"{_TOKEN}Server/X509Certificate",
    "OPC 10000-7 v1.04 §6.6.169",
    units=(_INVALID_TOKEN, Unit("Security User X509")),
)
NO_SECURITY = Profile(
    "SecurityPolicy – None",
    f"{_POLICY}None",
    _DATABASE,
    units=(
        Unit("Security None CreateSession ActivateSession"),
        *_units(
            "SymmetricSignatureAlgorithm_None",
            "SymmetricEncryptionAlgorithm_None",
            "AsymmetricSignatureAlgorithm_None",
            "AsymmetricEncryptionAlgorithm_None",
            "KeyDerivationAlgorithm_None",
            "SecurityPolicy_None_Limits",
        ),
    ),
)
_SHARED_BY_POLICIES = (
    *_units(
        "Security Certificate Validation",
        "Security Encryption Required",
        "Security Signing Required",
        "SymmetricSignatureAlgorithm_HMAC-SHA2-256",
        "KeyDerivationAlgorithm_P-SHA2-256",
        "CertificateSignatureAlgorithm_RSA-PKCS15-SHA2-256",
    ),
)
BASIC256SHA256 = Profile(
    "SecurityPolicy – Basic256Sha256",
    f"{_POLICY}Basic256Sha256",
    _DATABASE,
    units=(
        *_SHARED_BY_POLICIES,
        *_units(
            "SymmetricEncryptionAlgorithm_AES256-CBC",
            "AsymmetricSignatureAlgorithm_RSA-PKCS15-SHA2-256",
            "AsymmetricEncryptionAlgorithm_RSA-OAEP-SHA1",
            "Basic256Sha256_Limits",
        ),
    ),
)
AES128 = Profile(
    "SecurityPolicy – Aes128-Sha256-RsaOaep",
    f"{_POLICY}Aes128_Sha256_RsaOaep",
    _DATABASE,
    units=(
        *_SHARED_BY_POLICIES,
        *_units(
            "SymmetricEncryptionAlgorithm_AES128-CBC",
            "AsymmetricSignatureAlgorithm_RSA-PKCS15-SHA2-256",
            "AsymmetricEncryptionAlgorithm_RSA-OAEP-SHA1",
            "Aes128-Sha256-RsaOaep_Limits",
        ),
    ),
)
AES256 = Profile(
    "SecurityPolicy – Aes256-Sha256-RsaPss",
    f"{_POLICY}Aes256_Sha256_RsaPss",
    _DATABASE,
    units=(
        *_SHARED_BY_POLICIES,
        *_units(
            "SymmetricEncryptionAlgorithm_AES256-CBC",
            "AsymmetricSignatureAlgorithm_RSA-PSS-SHA2-256",
            "AsymmetricEncryptionAlgorithm_RSA-OAEP-SHA2-256",
            "Aes256-Sha256-RsaPss_Limits",
        ),
    ),
)
TRANSPORT = Profile(
    "UA-TCP UA-SC UA-Binary",
    "http://opcfoundation.org/UA-Profile/Transport/uatcp-uasc-uabinary",
    "OPC 10000-7 v1.04 §6.6.143",
    units=_units("Protocol UA TCP", "UA Binary Encoding", "UA Secure Conversation"),
)
CORE = Profile(
    "Core 2017 Server Facet",
    f"{_SERVER}Core2017Facet",
    "OPC 10000-7 v1.04 §6.6.3",
    includes=(NO_SECURITY, USER_NAME),
    units=(
        *_units("Address Space Atomicity", "Address Space Base", "Address Space Full Array Only", "Attribute Read"),
        _optional("Attribute Write Index", "an IndexRange is refused item by item: what is written is scalar"),
        _optional("Attribute Write Values"),
        Unit("Base Info Core Structure"),
        _optional("Base Info Estimated Return Time", "nobody can say when a server that was ended runs again"),
        _optional("Base Info OptionSet", _NO_SUCH_VALUES),
        _optional("Base Info Placeholder Modelling Rules"),
        _optional("Base Info Selection List", _NO_SUCH_VALUES),
        _optional("Base Info Server Capabilities"),
        _optional("Base Info ValueAsText"),
        *_units("Discovery Find Servers Self", "Discovery Get Endpoints"),
        _optional("Security Administration", "by settings and commands, not shown by a test here"),
        _optional("Security Role Server Authorization"),
        *_units(
            "Session Base",
            "Session General Service Behaviour",
            "Session Minimum 1",
            "View Basic",
            "View Minimum Continuation Point 01",
            "View RegisterNodes",
            "View TranslateBrowsePath",
        ),
    ),
)
NANO = Profile(
    "Nano Embedded Device 2017 Server Profile",
    f"{_SERVER}NanoEmbeddedDevice2017",
    "OPC 10000-7 v1.04 §6.6.65",
    includes=(CORE, TRANSPORT),
)
EMBEDDED_DATA_CHANGE = Profile(
    "Embedded DataChange Subscription Server Facet",
    f"{_SERVER}EmbeddedDataChangeSubscription",
    "OPC 10000-7 v1.04 §6.6.15",
    units=_units(
        "Monitor Basic",
        "Monitor Items 2",
        "Monitor QueueSize_1",
        "Monitor Value Change",
        "Subscription Basic",
        "Subscription Minimum 1",
        "Subscription Publish Discard Policy",
        "Subscription Publish Min 02",
    ),
)
MICRO = Profile(
    "Micro Embedded Device 2017 Server Profile",
    f"{_SERVER}MicroEmbeddedDevice2017",
    "OPC 10000-7 v1.04 §6.6.67",
    includes=(EMBEDDED_DATA_CHANGE, NANO),
    units=_units("Session Minimum 2 Parallel"),
)
STANDARD_DATA_CHANGE = Profile(
    "Standard DataChange Subscription 2017 Server Facet",
    f"{_SERVER}StandardDataChangeSubscription2017",
    "OPC 10000-7 v1.04 §6.6.17",
    includes=(EMBEDDED_DATA_CHANGE,),
    units=_units(
        "Base Info GetMonitoredItems Method",
        "Base Info ResendData Method",
        "Method Call",
        "Monitor Items 10",
        "Monitor Items 100",
        "Monitor MinQueueSize_02",
        "Monitor Triggering",
        "Monitored Items Deadband Filter",
        "Subscription Minimum 02",
        "Subscription Publish Min 05",
    ),
)
ENHANCED_DATA_CHANGE = Profile(
    "Enhanced DataChange Subscription 2017 Server Facet",
    f"{_SERVER}EnhancedDataChangeSubscription2017",
    "OPC 10000-7 v1.04 §6.6.19",
    includes=(STANDARD_DATA_CHANGE,),
    units=_units(
        "Monitor Items 500", "Monitor MinQueueSize_05", "Subscription Minimum 05", "Subscription Publish Min 10"
    ),
)
EMBEDDED = Profile(
    "Embedded 2017 UA Server Profile",
    f"{_SERVER}EmbeddedUA2017",
    "OPC 10000-7 v1.04 §6.6.69",
    includes=(MICRO, STANDARD_DATA_CHANGE),
    units=(
        _optional("Base Info Engineering Units"),
        Unit("Base Info Type System"),
        _optional("Security – No Application Authentication", "a certificate that is not trusted is refused"),
        Unit("Security Default ApplicationInstance Certificate"),
        Unit("Security Policy Required"),
    ),
)
STANDARD = Profile(
    "Standard 2017 UA Server Profile",
    f"{_SERVER}StandardUA2017",
    "OPC 10000-7 v1.04 §6.6.71",
    includes=(EMBEDDED, ENHANCED_DATA_CHANGE, X509),
    units=(
        _optional("Attribute Write StatusCode & Timestamp", "the plant's own times and statuses stay"),
        Unit("Base Info Diagnostics"),
        *_units("Discovery Register", "Discovery Register2"),
        Unit("Session Cancel"),
        _optional("Session Change User"),
        Unit("Session Minimum 50 Parallel"),
        Unit("View Minimum Continuation Point 05"),
    ),
)
DATA_ACCESS = Profile(
    "Data Access Server Facet",
    f"{_SERVER}DataAccess",
    "OPC 10000-7 v1.04 §6.6.21",
    units=(
        _optional("Data Access AnalogItems"),
        _optional("Data Access ArrayItemType", _NO_SUCH_VALUES),
        _optional("Data Access Complex Number", _NO_SUCH_VALUES),
        Unit("Data Access DataItems"),
        _optional("Data Access DoubleComplex Number", _NO_SUCH_VALUES),
        _optional("Data Access MultiState", "every enumeration is a MultiStateValueDiscreteType"),
        _optional("Data Access MultiStateValueDiscrete"),
        _optional("Data Access PercentDeadband"),
        _optional("Data Access Semantic Changes", "units and ranges never change while the server runs"),
        _optional("Data Access TwoState", "Booleans are BaseDataVariableType"),
    ),
)
METHODS = Profile(
    "Method Server Facet",
    f"{_SERVER}Methods",
    "OPC 10000-7 v1.04 §6.6.39",
    units=_units("Address Space Method", "Method Call"),
)
BEHAVIOUR = Profile(
    "Base Server Behaviour Facet",
    f"{_SERVER}Behaviour",
    "OPC 10000-7 v1.04 §6.6.6",
    units=(
        Unit("Discovery Configuration"),
        Unit("Protocol Configuration", lacks="not shown by a test here yet"),
        Unit("Security Administration", lacks="by settings and commands, not shown by a test here"),
        Unit("Security Administration – XML Schema", lacks="the settings are YAML, not of the standard's XML schema"),
        Unit("Security Certificate Administration", lacks="by commands, not shown by a test here"),
    ),
)
PROFILES = (
    STANDARD,
    EMBEDDED,
    MICRO,
    NANO,
    CORE,
    TRANSPORT,
    EMBEDDED_DATA_CHANGE,
    STANDARD_DATA_CHANGE,
    ENHANCED_DATA_CHANGE,
    DATA_ACCESS,
    METHODS,
    BEHAVIOUR,
    NO_SECURITY,
    BASIC256SHA256,
    AES128,
    AES256,
    ANONYMOUS,
    USER_NAME,
    X509,
)
"""From the largest to the smallest."""


def supported_uris() -> list[str]:
    """Return the URIs of the profiles that the server has whole."""
    return [profile.uri for profile in PROFILES if profile.is_supported]


def supported_units() -> list[str]:
    """Return the conformance units that the server has."""
    names = {unit.name for profile in PROFILES for unit in profile.units if not unit.lacks}
    return sorted(names)
