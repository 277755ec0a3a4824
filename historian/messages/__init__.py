"""The formats that samples are published in (commands.md, "MQTT" and "InfluxDB"): pure."""
