"""Monitored items: what is sampled, filtered and queued, pure of protocol and clock."""
