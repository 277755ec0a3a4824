"""Which diagnostics are not for everybody."""

from __future__ import annotations

from asyncua import ua

LOCAL = 1
"""Index of the server's own namespace, in which its sessions are."""
SECURITY_ARRAY = int(ua.ObjectIds.Server_ServerDiagnostics_SessionsDiagnosticsSummary_SessionSecurityDiagnosticsArray)


def is_secret(node_id: ua.NodeId) -> bool:
    """Tell whether a node holds security diagnostics, which are for the SecurityAdmin (OPC 10000-5 v1.05 §7.16)."""
    path = node_id.Identifier
    if node_id.NamespaceIndex == LOCAL and isinstance(path, str):
        return path.split(".")[1:2] == ["SessionSecurityDiagnostics"]
    return node_id.NamespaceIndex == 0 and path == SECURITY_ARRAY
