"""Certificates of a data directory: our own, whom we trust, and how both are told (OPC 10000-12 v1.05 annex F.1).

DATA/pki is one store for all applications of the data directory: `own`, `trusted`, `issuer`, `rejected`, and `ca`
where the plant has a CA of its own; `users` holds the same of certificates that people log in with.
"""
