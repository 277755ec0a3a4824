"""What is counted of the server and of each session; pure."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, fields

from asyncua import ua

_SECURITY = frozenset(
    getattr(ua.StatusCodes, name)
    for name in vars(ua.StatusCodes)
    if name.startswith("BadCertificate")
    or name
    in {
        "BadApplicationSignatureInvalid",
        "BadIdentityTokenInvalid",
        "BadIdentityTokenRejected",
        "BadNonceInvalid",
        "BadNoValidCertificates",
        "BadSecureChannelIdInvalid",
        "BadSecurityChecksFailed",
        "BadSecurityModeInsufficient",
        "BadSecurityModeRejected",
        "BadSecurityPolicyRejected",
        "BadSessionIdInvalid",
        "BadUserAccessDenied",
        "BadUserSignatureInvalid",
    }
)
"""StatusCodes of requests that are rejected due to security constraints."""
_BY_THE_CLIENT = frozenset(
    (
        ua.StatusCodes.BadSessionClosed,
        ua.StatusCodes.BadRequestCancelledByClient,
        ua.StatusCodes.BadTimeout,
        ua.StatusCodes.BadNoSubscription,
    )
)
"""StatusCodes of Publish requests that end because the client closed, cancelled or deleted: nothing was rejected."""
_ESTABLISHING = frozenset(
    (
        ua.ObjectIds.CreateSessionRequest_Encoding_DefaultBinary,
        ua.ObjectIds.ActivateSessionRequest_Encoding_DefaultBinary,
    )
)


@dataclass(slots=True)
class ServerCounts:
    """Since the server was started, or the diagnostics were enabled (OPC 10000-5 v1.05 §12.9)."""

    sessions: int = 0
    """Established, those that are over included."""
    session_timeouts: int = 0
    session_aborts: int = 0
    """Sessions that were ended for want of room."""
    rejected_sessions: int = 0
    security_rejected_sessions: int = 0
    rejected_requests: int = 0
    security_rejected_requests: int = 0

    def reject(self, request: int, code: int) -> None:
        """Count a request that was answered by a ServiceFault, by the number of its encoding."""
        if code in _BY_THE_CLIENT:
            return
        is_security = code in _SECURITY
        self.rejected_requests += 1
        self.security_rejected_requests += is_security
        if request in _ESTABLISHING:
            self.rejected_sessions += 1
            self.security_rejected_sessions += is_security

    def reset(self, sessions: int) -> None:
        """Begin anew, with so many sessions."""
        for counter in fields(self):
            setattr(self, counter.name, 0)
        self.sessions = sessions


@dataclass(slots=True)
class SessionCounts:
    """Of one session, by the number of the request's encoding (OPC 10000-5 v1.05 §12.11)."""

    server: ServerCounts
    requests: defaultdict[int, int] = field(default_factory=lambda: defaultdict(int))
    errors: defaultdict[int, int] = field(default_factory=lambda: defaultdict(int))
    unauthorized: int = 0

    def fail(self, request: int, code: int) -> None:
        """Count a request that was answered by a ServiceFault."""
        self.errors[request] += 1
        self.unauthorized += code in _SECURITY
        self.server.reject(request, code)

    def reset(self) -> None:
        """Begin anew."""
        self.requests.clear()
        self.errors.clear()
        self.unauthorized = 0
