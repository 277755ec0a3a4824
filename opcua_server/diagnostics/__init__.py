"""Server.ServerDiagnostics (OPC 10000-5 v1.05 §6.3.3): counted as it happens, put together when it is read."""
