"""Sources of the same history: the historian's store, the server's HistoryRead, InfluxDB."""

from gateway.history.source import SOURCES, History, open_history

__all__ = ["SOURCES", "History", "open_history"]
