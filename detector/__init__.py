"""Anomalies in batch data and in the running plant, recorded in PostgreSQL."""
