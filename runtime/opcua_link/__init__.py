"""The link to an OPC UA server: the only place outside `opcua_server` that knows asyncua."""
