"""How every service runs: settings, lifecycle, OPC UA link, MQTT link, health and metrics."""
