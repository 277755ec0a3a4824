"""SessionSecurityDiagnosticsDataType for asyncua, which takes its field Encoding for a mask of one byte."""

from __future__ import annotations

from dataclasses import dataclass, field

from asyncua import ua


@dataclass
class SecurityDiagnostics:
    """OPC 10000-5 v1.05 §12.12, its fields in their order."""

    SessionId: ua.NodeId = field(default_factory=ua.NodeId)
    ClientUserIdOfSession: ua.String = None
    ClientUserIdHistory: list[ua.String] = field(default_factory=list)
    AuthenticationMechanism: ua.String = None
    EncodingName: ua.String = None
    TransportProtocol: ua.String = None
    SecurityMode: ua.MessageSecurityMode = ua.MessageSecurityMode.Invalid
    SecurityPolicyUri: ua.String = None
    ClientCertificate: ua.ByteString = None


def register() -> None:
    """Let asyncua's clients in this process read it."""
    ua.register_extension_object(
        "SecurityDiagnostics",
        ua.NodeId(ua.ObjectIds.SessionSecurityDiagnosticsDataType_Encoding_DefaultBinary),
        SecurityDiagnostics,
        ua.NodeId(ua.ObjectIds.SessionSecurityDiagnosticsDataType),
    )
