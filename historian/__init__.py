"""OPC UA subscriptions to a local store, MQTT, Telegraf and InfluxDB; history queries."""
