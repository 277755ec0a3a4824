"""Samples on disk and the aggregates over them (OPC 10000-13)."""
