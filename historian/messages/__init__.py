"""The formats that samples are published in (docs/mqtt.md): pure."""
