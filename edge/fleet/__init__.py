"""Deliveries by robot: durable jobs over VDA 5050."""
