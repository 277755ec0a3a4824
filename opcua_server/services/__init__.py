"""The OPC UA services that the library gets wrong or slow, one file for each service set of OPC 10000-4."""
