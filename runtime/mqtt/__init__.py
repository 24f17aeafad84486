"""The connection to the broker: MQTT 3.1.1."""
