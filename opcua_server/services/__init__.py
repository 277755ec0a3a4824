"""OPC UA service sets, one module each, where the library's own do not do what OPC 10000-4 says."""
