"""The one MQTT client: 3.1.1, clean sessions, QoS 0."""
