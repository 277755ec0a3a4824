"""The profiles of OPC 10000-7 that the server aims at, their conformance units, and which of these it lacks.

`docs/facets.md` is made from this and from the tests that show each unit (`tests/opcua_server/facets.yaml`). What the
server tells of itself in ServerCapabilities is what it lacks nothing of.
"""

from __future__ import annotations

from opcua_server.historical_access import profiles as history
from opcua_server.profile import SERVER, Profile, Unit, optional, units

_POLICY = "http://opcfoundation.org/UA/SecurityPolicy#"
_TOKEN = "http://opcfoundation.org/UA-Profile/Security/UserToken/"  # noqa: S105 - no secret


_INVALID_TOKEN = Unit("Security Invalid user token")
_DATABASE = "the OPC Foundation's profile database"
_NO_SUCH_VALUES = "no Variable has such a value"
ANONYMOUS = Profile(
    "User Token – Anonymous Facet",
    f"{_TOKEN}Anonymous",
    "OPC 10000-7 v1.04 §6.6.167",
    units=units("Security User Anonymous"),
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
        *units(
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
    *units(
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
        *units(
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
        *units(
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
        *units(
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
    units=units("Protocol UA TCP", "UA Binary Encoding", "UA Secure Conversation"),
)
CORE = Profile(
    "Core 2017 Server Facet",
    f"{SERVER}Core2017Facet",
    "OPC 10000-7 v1.04 §6.6.3",
    includes=(NO_SECURITY, USER_NAME),
    units=(
        *units("Address Space Atomicity", "Address Space Base", "Address Space Full Array Only", "Attribute Read"),
        optional("Attribute Write Index", "an IndexRange is refused item by item: what is written is scalar"),
        optional("Attribute Write Values"),
        Unit("Base Info Core Structure"),
        optional("Base Info Estimated Return Time", "nobody can say when a server that was ended runs again"),
        optional("Base Info OptionSet", _NO_SUCH_VALUES),
        optional("Base Info Placeholder Modelling Rules"),
        optional("Base Info Selection List", _NO_SUCH_VALUES),
        optional("Base Info Server Capabilities"),
        optional("Base Info ValueAsText"),
        *units("Discovery Find Servers Self", "Discovery Get Endpoints"),
        optional("Security Administration", "by settings and commands, not shown by a test here"),
        optional("Security Role Server Authorization"),
        *units(
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
    f"{SERVER}NanoEmbeddedDevice2017",
    "OPC 10000-7 v1.04 §6.6.65",
    includes=(CORE, TRANSPORT),
)
EMBEDDED_DATA_CHANGE = Profile(
    "Embedded DataChange Subscription Server Facet",
    f"{SERVER}EmbeddedDataChangeSubscription",
    "OPC 10000-7 v1.04 §6.6.15",
    units=units(
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
    f"{SERVER}MicroEmbeddedDevice2017",
    "OPC 10000-7 v1.04 §6.6.67",
    includes=(EMBEDDED_DATA_CHANGE, NANO),
    units=units("Session Minimum 2 Parallel"),
)
STANDARD_DATA_CHANGE = Profile(
    "Standard DataChange Subscription 2017 Server Facet",
    f"{SERVER}StandardDataChangeSubscription2017",
    "OPC 10000-7 v1.04 §6.6.17",
    includes=(EMBEDDED_DATA_CHANGE,),
    units=units(
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
    f"{SERVER}EnhancedDataChangeSubscription2017",
    "OPC 10000-7 v1.04 §6.6.19",
    includes=(STANDARD_DATA_CHANGE,),
    units=units(
        "Monitor Items 500", "Monitor MinQueueSize_05", "Subscription Minimum 05", "Subscription Publish Min 10"
    ),
)
EMBEDDED = Profile(
    "Embedded 2017 UA Server Profile",
    f"{SERVER}EmbeddedUA2017",
    "OPC 10000-7 v1.04 §6.6.69",
    includes=(MICRO, STANDARD_DATA_CHANGE),
    units=(
        optional("Base Info Engineering Units"),
        Unit("Base Info Type System"),
        optional("Security – No Application Authentication", "a certificate that is not trusted is refused"),
        Unit("Security Default ApplicationInstance Certificate"),
        Unit("Security Policy Required"),
    ),
)
STANDARD = Profile(
    "Standard 2017 UA Server Profile",
    f"{SERVER}StandardUA2017",
    "OPC 10000-7 v1.04 §6.6.71",
    includes=(EMBEDDED, ENHANCED_DATA_CHANGE, X509),
    units=(
        optional("Attribute Write StatusCode & Timestamp", "the plant's own times and statuses stay"),
        Unit("Base Info Diagnostics"),
        *units("Discovery Register", "Discovery Register2"),
        Unit("Session Cancel"),
        optional("Session Change User"),
        Unit("Session Minimum 50 Parallel"),
        Unit("View Minimum Continuation Point 05"),
    ),
)
DATA_ACCESS = Profile(
    "Data Access Server Facet",
    f"{SERVER}DataAccess",
    "OPC 10000-7 v1.04 §6.6.21",
    units=(
        optional("Data Access AnalogItems"),
        optional("Data Access ArrayItemType", _NO_SUCH_VALUES),
        optional("Data Access Complex Number", _NO_SUCH_VALUES),
        Unit("Data Access DataItems"),
        optional("Data Access DoubleComplex Number", _NO_SUCH_VALUES),
        optional("Data Access MultiState", "every enumeration is a MultiStateValueDiscreteType"),
        optional("Data Access MultiStateValueDiscrete"),
        optional("Data Access PercentDeadband"),
        optional("Data Access Semantic Changes", "units and ranges never change while the server runs"),
        optional("Data Access TwoState", "Booleans are BaseDataVariableType"),
    ),
)
METHODS = Profile(
    "Method Server Facet",
    f"{SERVER}Methods",
    "OPC 10000-7 v1.04 §6.6.39",
    units=units("Address Space Method", "Method Call"),
)
BEHAVIOUR = Profile(
    "Base Server Behaviour Facet",
    f"{SERVER}Behaviour",
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
    *history.PROFILES,
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
