"""Audit: who did what to the server, as events to clients and as JSON lines (OPC 10000-4 v1.05 §6.5)."""
